import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeAlertPack, encodeAlertPack, resolveAlertPack, type AlertPack } from '../../../core/contract/alert.js';
import { catalogueUnits } from '../../../core/contract/catalogue.js';
import { clockSchema } from '../../../core/contract/device-events.js';
import { decodePack, encodePack, encodePackJson, resolvePack, type Pack } from '../../../core/contract/pack.js';
import { isUptimeStamp, resolveStamp, uptimeStamp } from '../../../core/contract/uptime-stamps.js';
import { readSenml } from '../../support/generic-senml.js';
import { rawPoint, testCatalogue, testEpoch, testPack } from '../../support/packs.js';

const catalogue = testCatalogue(['temp']);
const units = catalogueUnits(catalogue);
const boot = 'b'.repeat(32);
const offsetUs = 1_795_251_208_750_123;
const uptimeUs = fc.integer({ min: 0, max: 2 ** 27 * 1e6 - 1 });

function unsynced(points: Pack['points']): Pack {
  return { ...testPack(catalogue, 7, points), boot };
}

const alerts: AlertPack = {
  ...{ site: 'plant1', device: 'press-07', epoch: testEpoch, seq: 3, bboot: boot },
  alerts: [
    {
      ...{ sensor: 'temp', rule: 'hot', state: 'raised', severity: 'warning' },
      ...{ timeUs: uptimeStamp(5_000_001), value: 81, threshold: 80, message: 'temp is above 80' },
    },
  ],
};

describe('stamps of a device that does not know the time', () => {
  it('are absolute to a plain SenML reader, and obviously no date', () => {
    const [plain] = readSenml(encodePackJson(unsynced([rawPoint('temp', uptimeStamp(5_000_001), 20)]), units), 1e9);
    expect(plain!.time).toBeCloseTo(2 ** 28 + 5.000001, 6);
    expect(new Date(plain!.time * 1000).getUTCFullYear()).toBe(1978);
    expect(isUptimeStamp(offsetUs)).toBe(false);
  });

  it('travel with their boot, and every microsecond of them is resolved exactly', () => {
    fc.assert(
      fc.property(fc.uniqueArray(uptimeUs, { minLength: 1, maxLength: 9 }), (uptimes) => {
        const pack = unsynced(uptimes.map((us, i) => ({ ...rawPoint('temp', uptimeStamp(us), i), quality: 'spike' })));
        const decoded = decodePack(encodePack(pack, units));
        expect(decoded).toMatchObject(pack);
        const resolved = resolvePack(decoded, offsetUs);
        expect(resolved).not.toHaveProperty('boot');
        expect(resolved.points.map(({ timeUs }) => timeUs)).toEqual(uptimes.map((us) => offsetUs + us));
        expect(resolved.points.every(({ quality }) => quality === 'spike')).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  it('leave a pack of known time as it is', () => {
    const pack = testPack(catalogue, 7, [rawPoint('temp', offsetUs, 20)]);
    expect(resolvePack(pack, 5e14)).toBe(pack);
  });

  it.each([
    ['a date in a pack with a boot', unsynced([rawPoint('temp', offsetUs, 20)])],
    ['a boot id that is none', { ...unsynced([rawPoint('temp', uptimeStamp(1), 20)]), boot: 'x' }],
    [
      'a window',
      unsynced([
        {
          ...rawPoint('temp', uptimeStamp(0), 20),
          form: 'window',
          window: { spanUs: 1e6, count: 1, min: 1, max: 1, first: 1, last: 1 },
        },
      ]),
    ],
  ])('%s is refused', (_what, pack) => {
    expect(() => decodePack(encodePack(pack, units))).toThrow(expect.objectContaining({ code: 'schema' }));
  });

  it('belong to alerts as well', () => {
    const decoded = decodeAlertPack(encodeAlertPack(alerts));
    expect(decoded).toEqual(alerts);
    expect(resolveAlertPack(decoded, offsetUs)).toEqual({
      ...{ site: 'plant1', device: 'press-07', epoch: testEpoch, seq: 3 },
      alerts: [{ ...alerts.alerts[0], timeUs: offsetUs + 5_000_001 }],
    });
    const dated = { ...alerts, alerts: [{ ...alerts.alerts[0]!, timeUs: offsetUs }] };
    expect(() => decodeAlertPack(encodeAlertPack(dated))).toThrow(expect.objectContaining({ code: 'schema' }));
  });

  it('are not resolved by a clock that cannot be right', () => {
    const record = { type: 'clock', session: 'a'.repeat(16), bootId: boot, source: 'gateway' };
    expect(clockSchema.safeParse({ ...record, offsetUs }).success).toBe(true);
    for (const wrong of [0, -offsetUs, 5e14, 2 ** 53]) {
      const { success } = clockSchema.safeParse({ ...record, offsetUs: wrong });
      expect([wrong, success]).toEqual([wrong, wrong === 5e14]);
    }
    expect(resolveStamp(uptimeStamp(7), offsetUs)).toBe(offsetUs + 7);
  });
});
