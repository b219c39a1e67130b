import fc from 'fast-check';
import { deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { decodesOrRefuses, message, receivedUs, spoiled, testSource, told } from './sources.js';

const ow = testSource({ type: 'senml', topics: ['s'], namePattern: 'urn:dev:ow:{device}:{sensor}', site: 'lab' });
const plain = testSource({ type: 'senml', topics: ['s'] });
const decode = (json: unknown) => ow.decoder.decode(message('s', JSON.stringify(json)));

/** RFC 8428, section 5.1.3, and its CBOR form in section 6. */
const multiple = [
  { bn: 'urn:dev:ow:10e2073a0108006:', bt: 1.276020076001e9, bu: 'A', bver: 5, n: 'voltage', u: 'V', v: 120.1 },
  { n: 'current', t: -5, v: 1.2 },
  { n: 'current', t: -4, v: 1.3 },
  { n: 'current', t: -3, v: 1.4 },
  { n: 'current', t: -2, v: 1.5 },
  { n: 'current', t: -1, v: 1.6 },
  { n: 'current', v: 1.7 },
];
const multipleCbor = Buffer.from(
  `87 a7 21 78 1b 75 72 6e 3a 64 65 76 3a 6f 77 3a 31 30 65 32 30 37 33 61 30 31 30 38 30 30 36 3a
   22 fb 41 d3 03 a1 5b 00 10 62 23 61 41 20 05 00 67 76 6f 6c 74 61 67 65 01 61 56 02 fb 40 5e 06
   66 66 66 66 66 a3 00 67 63 75 72 72 65 6e 74 06 24 02 fb 3f f3 33 33 33 33 33 33 a3 00 67 63 75
   72 72 65 6e 74 06 23 02 fb 3f f4 cc cc cc cc cc cd a3 00 67 63 75 72 72 65 6e 74 06 22 02 fb 3f
   f6 66 66 66 66 66 66 a3 00 67 63 75 72 72 65 6e 74 06 21 02 f9 3e 00 a3 00 67 63 75 72 72 65 6e
   74 06 20 02 fb 3f f9 99 99 99 99 99 9a a3 00 67 63 75 72 72 65 6e 74 06 00 02 fb 3f fb 33 33 33
   33 33 33`.replaceAll(/\s/g, ''),
  'hex',
);

describe('SenML of third parties', () => {
  it('a single measurement without a time is of the time of its receipt [RFC 8428, 5.1.1]', () => {
    const decoded = decode([{ n: 'urn:dev:ow:10e2073a01080063:temp', u: 'Cel', v: 23.1 }]);
    expect(decoded.batches).toEqual([
      {
        device: { site: 'lab', device: '10e2073a01080063' },
        readings: [{ sensor: 'temp', value: 23.1, unit: 'Cel', timeUs: receivedUs, atReceipt: true, quality: 'good' }],
      },
    ]);
  });

  it('several measurements, with base values [RFC 8428, 5.1.3]', () => {
    const decoded = decode(multiple);
    expect(told(decoded)).toEqual([
      'lab/10e2073a0108006 voltage 120.1 V',
      ...[1.2, 1.3, 1.4, 1.5, 1.6, 1.7].map((value) => `lab/10e2073a0108006 current ${value} A`),
    ]);
    expect(decoded.batches[0]!.readings.map(({ timeUs }) => timeUs - 1_276_020_076_001_000)).toEqual([
      0, -5e6, -4e6, -3e6, -2e6, -1e6, 0,
    ]);
    expect(decoded.batches[0]!.readings.some(({ atReceipt }) => atReceipt)).toBe(false);
  });

  it('the CBOR form says the same [RFC 8428, 6]', () => {
    const decoded = ow.decoder.decode(message('s', multipleCbor));
    expect(decoded).toEqual(decode(multiple));
    const tagged = Buffer.concat([Buffer.from('d9d9f7', 'hex'), multipleCbor]);
    expect(ow.decoder.decode(message('s', tagged))).toEqual(decoded);
  });

  it('values of all kinds; data as base64; a sum beside its value [RFC 8428, 5.1.6]', () => {
    const decoded = decode([
      { bn: 'urn:dev:ow:10e2073a01080063:', n: 'temp', u: 'Cel', v: 23.1 },
      { n: 'label', vs: 'Machine Room' },
      { n: 'open', vb: false },
      { n: 'nfc-reader', vd: 'aGkgCg' },
      { n: 'power', u: 'W', v: 10, s: 3600 },
    ]);
    expect(told(decoded).map((line) => line.replace('lab/10e2073a01080063 ', ''))).toEqual([
      'temp 23.1 Cel',
      'label Machine Room -',
      'open false -',
      'nfc-reader aGkgCg -',
      'power 10 W',
      'power.sum 3600 -',
    ]);
  });

  it('times relative to now are resolved when the message comes, those before 1978 as well', () => {
    const pack = [
      { bn: 'urn:dev:ow:a:', n: 't', t: -5, v: 1 },
      { n: 't', t: 12, v: 2 },
    ];
    const [batch] = decode(pack).batches;
    expect(batch!.readings.map(({ timeUs, atReceipt }) => [timeUs - receivedUs, atReceipt])).toEqual([
      [-5e6, true],
      [12e6, true],
    ]);
  });

  it('zlib and space before the array are no matter', () => {
    const json = JSON.stringify(multiple);
    expect(ow.decoder.decode(message('s', deflateSync(json)))).toEqual(decode(multiple));
    expect(ow.decoder.decode(message('s', `\n ${json}`))).toEqual(decode(multiple));
  });

  it.each([
    ['wrong-identity', [{ n: 'other:name', v: 1 }]],
    ['schema', [{ n: 'urn:dev:ow:a:b', v: 'text' }]],
    ['version', [{ n: 'urn:dev:ow:a:b', v: 1, bver: 11 }]],
    ['unknown-label', [{ n: 'urn:dev:ow:a:b', v: 1, must_: 1 }]],
    ['schema', []],
  ])('refuses with %s: %j', (code, pack) => {
    expect(() => decode(pack)).toThrow(expect.objectContaining({ code }));
  });

  it.each([
    ['bad-coding', ''],
    ['bad-coding', '80ff'],
    ['bad-coding', 'a0'],
    ['bad-coding', '81a1f6'],
    ['schema', '81a102f97e00'],
    ['bad-coding', '9f'],
    ['not-json', '7b'],
  ])('refuses with %s the bytes %s', (code, hex) => {
    expect(() => ow.decoder.decode(message('s', Buffer.from(hex, 'hex')))).toThrow(expect.objectContaining({ code }));
  });

  const value = fc.oneof(
    fc.record({ v: fc.double({ noNaN: true, noDefaultInfinity: true }) }),
    fc.record({ vs: fc.string({ maxLength: 20 }) }),
    fc.record({ vb: fc.boolean() }),
  );
  const records = fc.array(fc.tuple(fc.constantFrom('t', 'p', 'x-1'), fc.integer({ min: 3e8, max: 4e9 }), value), {
    minLength: 1,
    maxLength: 20,
  });
  const packOf = (drawn: [string, number, object][]) =>
    drawn.map(([sensor, t, rest]) => ({ n: `hall/pump/${sensor}`, t, ...rest }));

  it('reads back what was written, in both forms', () => {
    fc.assert(
      fc.property(records, (drawn) => {
        const pack = packOf(drawn);
        const json = plain.decoder.decode(message('s', JSON.stringify(pack)));
        const expected = drawn.map(([sensor, t, rest]) => [sensor, t * 1e6, Object.values(rest)[0] as unknown]);
        const read = json.batches[0]!.readings.map(({ sensor, timeUs, value: one }) => [sensor, timeUs, one]);
        // JSON has no minus zero.
        expect(read).toEqual(expected.map((one) => one.map((part) => (Object.is(part, -0) ? 0 : part))));
        const cbor = plain.decoder.decode(message('s', toCbor(pack)));
        expect(cbor).toEqual(json);
      }),
      { numRuns: 100 },
    );
  });

  it('whatever comes, it reads it or says why not', () => {
    decodesOrRefuses(plain, 's', spoiled(records.map((drawn) => Buffer.from(JSON.stringify(packOf(drawn))))));
    decodesOrRefuses(plain, 's', spoiled(records.map((drawn) => toCbor(packOf(drawn)))));
  });
});

const cborLabels: Readonly<Record<string, number>> = { n: 0, v: 2, vs: 3, vb: 4, t: 6 };

/** Just enough of an encoder: definite arrays and maps, texts, doubles and booleans. */
function toCbor(pack: readonly object[]): Uint8Array {
  return Buffer.concat([
    head(4, pack.length),
    ...pack.flatMap((record) => [
      head(5, Object.keys(record).length),
      ...Object.entries(record).flatMap(([label, one]) => [head(0, cborLabels[label]!), item(one)]),
    ]),
  ]);
}

function item(value: unknown): Buffer {
  if (typeof value === 'boolean') return Buffer.of(value ? 0xf5 : 0xf4);
  if (typeof value === 'string') return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
  const double = Buffer.alloc(9, 0xfb);
  double.writeDoubleBE(value as number, 1);
  return double;
}

function head(major: number, argument: number): Buffer {
  return argument < 24
    ? Buffer.of((major << 5) | argument)
    : Buffer.of((major << 5) | 25, argument >> 8, argument & 0xff);
}
