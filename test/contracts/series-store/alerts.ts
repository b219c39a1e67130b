import type { DeviceAlert } from '#core/contract/alert.js';
import { expect, test } from 'vitest';
import type { AlertsToStore, SeriesStore } from '../../../cloud/store/store.js';
import { rawPoint } from '../../support/packs.js';
import { pastDayUs, TestDevice, write } from './harness.js';

/** Alerts: stored once, served the newest first. */
export function alertCases(store: () => SeriesStore): void {
  test('an alert comes back as it was', async () => {
    const device = new TestDevice();
    const alert = alertOf(device, 5, { message: 'Zu heiß: "71.3" > 70, ok\\ ✓', value: -0.1, severity: 'critical' });
    await put(device, 0, alert);
    expect(await store().alerts({ ...device.filter, limit: 10 })).toEqual([alert]);
  });

  test('an alert pack that comes again, and an alert in another pack, is stored once', async () => {
    const device = new TestDevice();
    const alert = alertOf(device, 5);
    await put(device, 0, alert);
    await put(device, 0, alert);
    await put(device, 1, alert);
    expect(await store().alerts({ ...device.filter, limit: 10 })).toEqual([alert]);
    expect((await store().ledger(device.filter)).get(device.source)?.toString()).toBe('0-1');
  });

  test('raised and cleared, rules and sensors at one stamp are different alerts', async () => {
    const device = new TestDevice(['temp', 'vib']);
    const alerts = [
      alertOf(device, 5),
      alertOf(device, 5, { state: 'cleared' }),
      alertOf(device, 5, { rule: 'too-cold' }),
      alertOf(device, 5, { sensor: 'vib' }),
    ];
    await put(device, 0, ...alerts);
    const stored = await store().alerts({ ...device.filter, limit: 10 });
    expect(stored).toHaveLength(4);
    expect(stored).toEqual(expect.arrayContaining(alerts));
  });

  test('the newest come first, at most `limit`', async () => {
    const device = new TestDevice();
    await put(device, 0, ...[3, 1, 4, 2].map((offset) => alertOf(device, offset)));
    await put(device, 1, alertOf(device, 0), alertOf(device, 5));
    const offsets = async (limit: number) =>
      (await store().alerts({ ...device.filter, limit })).map(({ timeUs }) => timeUs - pastDayUs);
    expect(await offsets(10)).toEqual([5, 4, 3, 2, 1, 0]);
    expect(await offsets(2)).toEqual([5, 4]);
  });

  test('are filtered by device, sensor and time, from inclusive, to exclusive', async () => {
    const device = new TestDevice(['temp', 'vib']);
    await put(device, 0, ...[1, 2, 3].map((offset) => alertOf(device, offset)), alertOf(device, 2, { sensor: 'vib' }));
    const count = async (filter: object) => (await store().alerts({ ...device.filter, ...filter, limit: 10 })).length;
    expect(await count({ sensor: 'vib' })).toBe(1);
    expect(await count({ device: 'nobody' })).toBe(0);
    expect(await count({ fromUs: pastDayUs + 2 })).toBe(3);
    expect(await count({ toUs: pastDayUs + 2 })).toBe(1);
    expect(await count({ fromUs: pastDayUs + 2, toUs: pastDayUs + 3, sensor: 'temp' })).toBe(1);
  });

  test('alerts and data share one sequence', async () => {
    const device = new TestDevice();
    await put(device, 1, alertOf(device, 1));
    await write(store(), device.pack([rawPoint('temp', pastDayUs, 1)], { seq: 0 }));
    await write(store(), device.pack([rawPoint('temp', pastDayUs + 1, 1)], { seq: 2 }));
    expect((await store().ledger(device.filter)).get(device.source)?.toString()).toBe('0-2');
  });

  async function put(device: TestDevice, seq: number, ...alerts: DeviceAlert[]): Promise<void> {
    const { site, device: name } = device.catalogue;
    const pack: AlertsToStore = { site, device: name, epoch: device.epoch, seq, alerts };
    expect(await store().write({ packs: [], alerts: [pack] })).toEqual({ stored: 0, duplicate: 0, expired: 0 });
  }
}

export function alertOf(device: TestDevice, offsetUs: number, over: Partial<DeviceAlert> = {}): DeviceAlert {
  const base = { rule: 'too-hot', state: 'raised', severity: 'warning', value: 71.3, threshold: 70 } as const;
  return { ...device.series(), ...base, timeUs: pastDayUs + offsetUs, message: 'too hot', ...over };
}
