import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ContractError } from '../../../../../core/contract/contract-error.js';
import { readingValue, UnfitValue } from '../../../../../gateway/intake/foreign/sparkplug/datatypes.js';
import { readPayload, type MetricValue } from '../../../../../gateway/intake/foreign/sparkplug/payload.js';
import { rebirthRequest } from '../../../../../gateway/intake/foreign/sparkplug/rebirth.js';
import { decode, encode, startMs, TestEdge, type TestMetric } from './edge.js';

const numbers = {
  Int8: [1, -128, 127],
  Int16: [2, -(2 ** 15), 2 ** 15 - 1],
  Int32: [3, -(2 ** 31), 2 ** 31 - 1],
  Int64: [4, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  UInt8: [5, 0, 255],
  UInt16: [6, 0, 65_535],
  UInt32: [7, 0, 2 ** 32 - 1],
  UInt64: [8, 0, Number.MAX_SAFE_INTEGER],
  DateTime: [13, 0, startMs],
} as const;

const integer = fc
  .constantFrom(...(Object.keys(numbers) as (keyof typeof numbers)[]))
  .chain((type) => fc.record({ type: fc.constant(type), value: fc.maxSafeInteger() }))
  .map(({ type, value }) => {
    const [, min, max] = numbers[type];
    return { type, value: value < min || value > max ? (value % 2 === 0 ? min : max) : value };
  });
const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
const metricValue = fc.oneof(
  integer,
  finite.map((value) => ({ type: 'Double', value })),
  fc.float({ noNaN: true, noDefaultInfinity: true }).map((value) => ({ type: 'Float', value })),
  fc.boolean().map((value) => ({ type: 'Boolean', value })),
  fc
    .constantFrom('String', 'Text', 'UUID')
    .chain((type) => fc.string({ unit: 'grapheme' }).map((value) => ({ type, value }))),
) as fc.Arbitrary<Pick<TestMetric, 'type' | 'value'>>;
const metric = fc.record(
  {
    name: fc.string({ unit: 'grapheme', maxLength: 20 }),
    alias: fc.maxSafeInteger().map(Math.abs),
    timestamp: fc.nat(),
    isHistorical: fc.boolean(),
    isTransient: fc.boolean(),
    of: metricValue,
  },
  { requiredKeys: ['of', 'name'] },
);

describe('reading a payload', () => {
  it('reads what another library wrote', () => {
    fc.assert(
      fc.property(fc.array(metric, { maxLength: 8 }), fc.nat(255), (metrics, seq) => {
        const written = metrics.map(({ of, ...rest }) => ({ ...rest, ...of }));
        const read = readPayload(encode({ timestamp: startMs, seq, metrics: written }));
        expect(read).toMatchObject({ timeMs: startMs, seq });
        expect(read.metrics).toHaveLength(metrics.length);
        for (const [
          i,
          { of, name, alias, timestamp, isHistorical = false, isTransient = false },
        ] of metrics.entries()) {
          const found = read.metrics[i]!;
          expect(found).toMatchObject({ name, historical: isHistorical, transient: isTransient, isNull: false });
          expect([found.alias, found.timeMs]).toEqual([alias, timestamp]);
          // A writer that leaves out a default leaves nothing to read.
          if (found.value) expect(readingValue(found.datatype!, found.value)).toBe(of.value);
          else expect([0, '', false]).toContain(of.value);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('looks into no compound value, however deep', () => {
    const level = (inner: Uint8Array): Uint8Array => lengthDelimited(2, lengthDelimited(9, inner));
    let bomb: Uint8Array = Buffer.alloc(0);
    // Deeper than a reader that descends has a stack for.
    for (let i = 0; i < 6000; i++) bomb = level(bomb);
    const template = lengthDelimited(2, lengthDelimited(18, bomb));
    expect(readPayload(template).metrics).toMatchObject([{ value: { kind: 'other' } }]);
    const properties = lengthDelimited(2, lengthDelimited(9, bomb));
    expect(readPayload(properties).metrics).toHaveLength(1);
  });

  it('takes no more metrics than a catalogue has sensors', () => {
    const empty = Buffer.from([0x12, 0]);
    const many = (count: number) => readPayload(Buffer.concat(Array.from({ length: count }, () => empty)));
    expect(many(10_000).metrics).toHaveLength(10_000);
    expect(() => many(10_001)).toThrow(new ContractError('too-large', 'more than 10000 metrics'));
  });

  it.each([
    ['a number without end', 'ffffffffffffffffffff01'],
    ['a number cut short', '08ff'],
    ['a length beyond the end', '1205'],
    ['a length of 2^35', '12808080808001'],
    ['field 0', '0001'],
    ['a group', '0b0c'],
    ['a string as a number', '12020801'],
    ['a number as a string', '0a0101'],
    ['a string that is no UTF-8', '12040a02c328'],
    ['a float cut short', '1203650000'],
  ])('refuses %s', (_, hex) => {
    expect(() => readPayload(Buffer.from(hex, 'hex'))).toThrow(ContractError);
  });

  it('survives anything', () => {
    const valid = fc.array(metric, { minLength: 1, maxLength: 4 }).map((metrics) =>
      encode({
        timestamp: startMs,
        seq: 1,
        metrics: metrics.map(({ of, ...rest }) => ({ ...rest, ...of })),
      }),
    );
    const mutated = fc
      .tuple(valid, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }), fc.nat())
      .map(([bytes, changes, cut]) => {
        const copy = Buffer.from(bytes);
        for (const [at, byte] of changes) copy[at % copy.length] = byte;
        return cut % 4 === 0 ? copy.subarray(0, cut % copy.length) : copy;
      });
    const kinds = fc.constantFrom('NBIRTH', 'DBIRTH', 'NDATA', 'DDATA', 'NDEATH', 'DDEATH');
    const steps = fc.array(fc.tuple(kinds, fc.oneof(fc.uint8Array({ maxLength: 300 }), mutated, valid), fc.boolean()), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(steps, (messages) => {
        const { decoder } = new TestEdge();
        for (const [kind, payload, replayed] of messages) {
          const topic = `spBv1.0/g/${kind}/e${kind.startsWith('D') ? '/d' : ''}`;
          try {
            decoder.decode({ topic, payload, retained: false, receivedUs: startMs * 1000, replayed });
          } catch (error) {
            expect(error).toBeInstanceOf(ContractError);
          }
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('datatypes', () => {
  const value = (bits: 32 | 64, unsigned: number, signed = unsigned): MetricValue => ({
    kind: 'integer',
    bits,
    unsigned,
    signed,
  });

  it('takes a sign from the whole field or from its lowest bits', () => {
    expect(readingValue(1, value(32, 0xfb))).toBe(-5);
    expect(readingValue(1, value(32, 0xfffffffb, -5))).toBe(-5);
    expect(readingValue(1, value(64, 2 ** 64, -5))).toBe(-5);
    expect(readingValue(2, value(32, 0xfffb))).toBe(-5);
    expect(readingValue(3, value(64, 0xfffffffb))).toBe(-5);
  });

  it.each([
    ['300 as Int8', 1, value(32, 300)],
    ['300 as UInt8', 5, value(32, 300)],
    ['2^32 as UInt32', 7, value(64, 2 ** 32)],
    ['2^53 as UInt64', 8, value(64, 2 ** 53)],
    ['a string as Double', 10, { kind: 'string', value: '1' }],
    ['an integer as Boolean', 11, value(32, 1)],
    ['a number as String', 12, value(32, 1)],
    ['no datatype', 0, value(32, 1)],
    ['Int8Array', 22, { kind: 'other' }],
    ['datatype 35', 35, value(32, 1)],
    ['compound as Int8', 1, { kind: 'other' }],
  ] as const)('refuses %s', (_, datatype, given) => {
    expect(readingValue(datatype, given)).toBeInstanceOf(UnfitValue);
  });
});

it('asks for a rebirth in bytes that others can read', () => {
  expect(decode(rebirthRequest(startMs))).toMatchObject({
    timestamp: { low: (startMs % 2 ** 32) | 0, high: Math.floor(startMs / 2 ** 32) },
    metrics: [{ name: 'Node Control/Rebirth', type: 'Boolean', value: true }],
  });
});

function lengthDelimited(field: number, body: Uint8Array): Uint8Array {
  const varint = (n: number): number[] => (n < 128 ? [n] : [(n % 128) | 128, ...varint(Math.floor(n / 128))]);
  return Buffer.concat([Buffer.from([...varint(field * 8 + 2), ...varint(body.length)]), body]);
}
