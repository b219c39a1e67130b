import { describe, expect, it } from 'vitest';
import { parseSenml, resolveSenml } from '../../../core/contract/senml.js';

const nowUs = 1_800_000_000_000_000;

function resolve(records: unknown[]) {
  return resolveSenml(parseSenml(JSON.stringify(records)), nowUs).map(
    ({ name, timeUs, unit, value, dataValue, sum }) => ({
      name,
      timeUs,
      ...(unit !== undefined && { unit }),
      ...(value !== undefined && { value }),
      ...(dataValue !== undefined && { dataValue }),
      ...(sum !== undefined && { sum }),
    }),
  );
}

// The examples of RFC 8428, section 5.1, by their numbers.
describe('the examples of RFC 8428 decode', () => {
  it('5.1.1 single data point', () => {
    expect(resolve([{ n: 'urn:dev:ow:10e2073a01080063', u: 'Cel', v: 23.1 }])).toEqual([
      { name: 'urn:dev:ow:10e2073a01080063', timeUs: nowUs, unit: 'Cel', value: 23.1 },
    ]);
  });

  it('5.1.2 multiple data points with a base name', () => {
    expect(
      resolve([
        { bn: 'urn:dev:ow:10e2073a01080063:', n: 'voltage', u: 'V', v: 120.1 },
        { n: 'current', u: 'A', v: 1.2 },
      ]),
    ).toEqual([
      { name: 'urn:dev:ow:10e2073a01080063:voltage', timeUs: nowUs, unit: 'V', value: 120.1 },
      { name: 'urn:dev:ow:10e2073a01080063:current', timeUs: nowUs, unit: 'A', value: 1.2 },
    ]);
  });

  it('5.1.2 base time, base unit, version and negative relative times', () => {
    const bt = 1.276020076001e9;
    const currents = [1.2, 1.3, 1.4, 1.5, 1.6, 1.7];
    const resolved = resolve([
      { bn: 'urn:dev:ow:10e2073a0108006:', bt, bu: 'A', bver: 5, n: 'voltage', u: 'V', v: 120.1 },
      ...currents.map((v, i) => ({ n: 'current', t: i - 5, v })),
    ]);
    expect(resolved[0]).toEqual({
      name: 'urn:dev:ow:10e2073a0108006:voltage',
      timeUs: 1276020076001000,
      unit: 'V',
      value: 120.1,
    });
    expect(resolved.slice(1)).toEqual(
      currents.map((value, i) => ({
        name: 'urn:dev:ow:10e2073a0108006:current',
        timeUs: 1276020076001000 + (i - 5) * 1_000_000,
        unit: 'A',
        value,
      })),
    );
  });

  it('5.1.3 multiple measurements: positions and humidity', () => {
    const resolved = resolve([
      { bn: 'urn:dev:ow:10e2073a01080063', bt: 1.320067464e9, bu: '%RH', v: 20 },
      { u: 'lon', v: 24.30621 },
      { u: 'lat', v: 60.07965 },
      { t: 60, v: 20.3 },
      { u: 'lon', t: 60, v: 24.30622 },
      { u: 'lat', t: 60, v: 60.07965 },
      { t: 120, v: 20.7 },
      { u: 'lon', t: 120, v: 24.30623 },
      { u: 'lat', t: 120, v: 60.07966 },
      { u: '%EL', t: 150, v: 98 },
      { t: 180, v: 21.2 },
      { u: 'lon', t: 180, v: 24.30628 },
      { u: 'lat', t: 180, v: 60.07967 },
    ]);
    expect(resolved).toHaveLength(13);
    expect(resolved[3]).toEqual({
      name: 'urn:dev:ow:10e2073a01080063',
      timeUs: 1320067524000000,
      unit: '%RH',
      value: 20.3,
    });
    expect(resolved[9]).toEqual({
      name: 'urn:dev:ow:10e2073a01080063',
      timeUs: 1320067614000000,
      unit: '%EL',
      value: 98,
    });
    expect(resolved[12]!.unit).toBe('lat');
  });

  it('5.1.4 resolved data are their own resolution', () => {
    const resolved = resolve([
      { n: 'urn:dev:ow:10e2073a01080063', u: '%RH', t: 1.320067464e9, v: 20 },
      { n: 'urn:dev:ow:10e2073a01080063', u: 'lon', t: 1.320067464e9, v: 24.30621 },
    ]);
    expect(resolved.map(({ timeUs }) => timeUs)).toEqual([1320067464000000, 1320067464000000]);
  });

  it('5.1.5 multiple data types', () => {
    expect(
      resolve([
        { bn: 'urn:dev:ow:10e2073a01080063:', n: 'temp', u: 'Cel', v: 23.1 },
        { n: 'label', vs: 'Machine Room' },
        { n: 'open', vb: false },
        { n: 'nfc-reader', vd: 'aGkgCg' },
      ]),
    ).toEqual([
      { name: 'urn:dev:ow:10e2073a01080063:temp', timeUs: nowUs, unit: 'Cel', value: 23.1 },
      { name: 'urn:dev:ow:10e2073a01080063:label', timeUs: nowUs, value: 'Machine Room' },
      { name: 'urn:dev:ow:10e2073a01080063:open', timeUs: nowUs, value: false },
      { name: 'urn:dev:ow:10e2073a01080063:nfc-reader', timeUs: nowUs, dataValue: 'aGkgCg' },
    ]);
  });

  it('5.1.6 a collection of resources with a sum', () => {
    const resolved = resolve([
      { bn: '2001:db8::2/', bt: 1.320078429e9, n: 'temperature', u: 'Cel', v: 25.2 },
      { n: 'humidity', u: '%RH', v: 30 },
      { bn: '2001:db8::1/', n: 'temperature', u: 'Cel', v: 12.3 },
      { n: 'humidity', u: '%RH', v: 67 },
      { n: 'flow', u: 'm3', s: 4.5, v: 1 },
    ]);
    expect(resolved.map(({ name }) => name)).toEqual([
      '2001:db8::2/temperature',
      '2001:db8::2/humidity',
      '2001:db8::1/temperature',
      '2001:db8::1/humidity',
      '2001:db8::1/flow',
    ]);
    expect(resolved[4]).toMatchObject({ sum: 4.5, value: 1 });
  });
});

describe('what RFC 8428 forbids is refused', () => {
  const cases: [string, unknown, string][] = [
    ['a must-understand label we do not know', [{ n: 'a', v: 1, foo_: 1 }], 'unknown-label'],
    [
      'two versions',
      [
        { bver: 10, n: 'a', v: 1 },
        { bver: 5, n: 'b', v: 1 },
      ],
      'version',
    ],
    ['a newer version', [{ bver: 11, n: 'a', v: 1 }], 'version'],
    ['two values', [{ n: 'a', v: 1, vs: 'x' }], 'schema'],
    ['no value', [{ n: 'a' }], 'schema'],
    ['no name', [{ v: 1 }], 'schema'],
    ['a name that starts with a slash', [{ n: '/a', v: 1 }], 'schema'],
    ['an empty pack', [], 'schema'],
    ['an object', { n: 'a', v: 1 }, 'schema'],
  ];
  it.each(cases)('%s', (_name, records, code) => {
    expect(() => resolveSenml(parseSenml(JSON.stringify(records)), nowUs)).toThrow(expect.objectContaining({ code }));
  });

  it('ignores a label it does not know', () => {
    expect(resolve([{ n: 'a', v: 1, colour: 'red' }])).toEqual([{ name: 'a', timeUs: nowUs, value: 1 }]);
  });
});
