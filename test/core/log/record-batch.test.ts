import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32c } from '../../../core/log/kafka/crc32c.js';
import { lz4, registerLz4 } from '../../../core/log/kafka/lz4.js';
import { encodeBatch } from '../../../core/log/kafka/record-batch.js';

interface DecodedRecord {
  readonly offset: string;
  readonly key: Buffer;
  readonly value: Buffer;
  readonly timestamp: string;
  readonly headers: Record<string, Buffer>;
}

const load = createRequire(import.meta.url);
const theirs = {
  crc: load('kafkajs/src/protocol/recordBatch/crc32C/crc32C') as (bytes: Buffer) => number,
  Decoder: load('kafkajs/src/protocol/decoder') as new (bytes: Buffer) => object,
  decode: load('kafkajs/src/protocol/recordBatch/v0/decoder') as (
    from: object,
  ) => Promise<{ records: DecodedRecord[] }>,
};
registerLz4();

const nowMs = 1_795_251_208_123;
const plain = { attribute: 0, compress: (records: Buffer) => records };
const text = fc.string({ unit: fc.constantFrom('a', '/', '9', 'é', '€', '😀'), maxLength: 200 });
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.constantFrom(63, 64, 8191, 8192, 70_000).map((length) => new Uint8Array(length).fill(7)),
);
const records = fc.array(
  fc.record(
    { key: text, value: bytes, headers: fc.dictionary(text, text, { maxKeys: 4 }) },
    { requiredKeys: ['key', 'value'] },
  ),
  { minLength: 1, maxLength: 80 },
);

describe('a batch of records', () => {
  it.each([
    ['plain', plain],
    ['lz4', lz4],
  ])('is read back by another decoder: %s', async (_name, codec) => {
    await fc.assert(
      fc.asyncProperty(records, async (written) => {
        const batch = await encodeBatch(written, codec, nowMs);
        expect(batch.readInt32BE(8)).toBe(batch.length - 12);
        expect(batch.readUInt32BE(17)).toBe(theirs.crc(batch.subarray(21)));
        const { records: read } = await theirs.decode(new theirs.Decoder(batch));
        expect(read.map(({ offset, timestamp }) => [offset, timestamp])).toEqual(
          written.map((_, i) => [String(i), String(nowMs)]),
        );
        const texts = read.map(({ key, headers }) => ({ key: String(key), headers: namesAndTexts(headers) }));
        expect(texts).toEqual(written.map(({ key, headers = {} }) => ({ key, headers: { ...headers } })));
        for (const [i, { value }] of read.entries()) expect(Buffer.compare(value, written[i]!.value)).toBe(0);
      }),
      { numRuns: 40 },
    );
  });

  it('has the checksum of the other library, wherever it begins', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(20), (data, start) => {
        expect(crc32c(data, start)).toBe(theirs.crc(Buffer.from(data.subarray(start))));
      }),
    );
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  });
});

function namesAndTexts(headers: Record<string, Buffer>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}
