import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { ReadingBuffer } from '../../../../edge/sensors/reading-buffer.js';
import { checksums } from '../../../../edge/sensors/serial/checksum.js';
import { createParser, parserSchema } from '../../../../edge/sensors/serial/parsers.js';

const temp = { name: 'temp', quantity: 'temperature', unit: 'Cel' };
const hum = { name: 'hum', quantity: 'humidity', unit: '%RH' };
const state = { name: 'state', quantity: 'state', unit: '/' };

type Parser = z.input<typeof parserSchema>;

const delimiter = {
  format: 'delimiter',
  separator: ';',
  channels: [
    { ...temp, column: 1 },
    { ...hum, column: 3, scale: 0.1, offset: 1 },
  ],
} satisfies Parser;

const regex = {
  format: 'regex',
  pattern: 'T=(?<t>\\S+)(?: H=(?<h>\\d+))?',
  channels: [
    { ...temp, group: 't' },
    { ...hum, group: 'h' },
  ],
} satisfies Parser;

const json = {
  format: 'json',
  channels: [
    { ...temp, path: 'env.temp' },
    { ...hum, path: 'probes[1].value' },
    { ...state, path: 'on', type: 'boolean' },
  ],
} satisfies Parser;

const frame = {
  format: 'frame',
  start: 'aa55',
  length: 9,
  checksum: { kind: 'crc16-modbus', from: 2 },
  channels: [
    { ...temp, byte: 2, encoding: 'int16', scale: 0.1 },
    { ...hum, byte: 4, encoding: 'uint16', byteOrder: 'little' },
    { ...state, byte: 6, encoding: 'uint8' },
  ],
} satisfies Parser;

/** A frame of the parser above. */
function frameOf(t: number, h: number, s: number): Buffer {
  const bytes = Buffer.from([0xaa, 0x55, 0, 0, 0, 0, s, 0, 0]);
  bytes.writeInt16BE(t, 2);
  bytes.writeUInt16LE(h, 4);
  bytes.writeUInt16LE(checksums['crc16-modbus'].of(bytes, 2, 7), 7);
  return bytes;
}

/** What chunks become: `temp=23.5`, and what was left out. */
function parse(options: Parser, chunks: readonly (string | Buffer)[], maxLineBytes = 64, whole = true) {
  const buffer = new ReadingBuffer(10_000);
  const parser = createParser(parserSchema.parse(options), maxLineBytes, buffer);
  parser.begin(whole);
  for (const chunk of chunks) parser.take(Buffer.from(chunk), 1);
  const values = buffer.take().map(({ sensor, value }) => `${sensor}=${value}`);
  return { values, dropped: Object.fromEntries(buffer.takeDropped()) };
}

describe('columns', () => {
  it('are values, with scale and offset', () => {
    expect(parse(delimiter, ['23.5;x; 410 \r\n-4e1;;7\n'])).toEqual({
      values: ['temp=23.5', 'hum=42', 'temp=-40', 'hum=1.7000000000000002'],
      dropped: {},
    });
  });

  it('that are missing or no number spoil no other', () => {
    expect(parse(delimiter, ['1;2\n', 'nan;0;5\n', ';;\n', 'Infinity\n'])).toEqual({
      values: ['temp=1', 'hum=1.5'],
      dropped: { 'bad-value': 4 },
    });
  });

  it('may end with any text', () => {
    expect(parse({ ...delimiter, lineEnd: '\r' }, ['1\r2\r3']).values).toEqual(['temp=1', 'temp=2']);
    expect(parse({ ...delimiter, lineEnd: '#END' }, ['1#E', 'ND2#END', '#']).values).toEqual(['temp=1', 'temp=2']);
  });
});

describe('a regular expression', () => {
  it('gives each channel its group', () => {
    expect(parse(regex, ['ok T=23.5 H=41\nT=24\nhello\nT=hot H=40\n'])).toEqual({
      values: ['temp=23.5', 'hum=41', 'temp=24', 'hum=40'],
      dropped: { garbage: 1, 'bad-value': 1 },
    });
  });

  it('must be one, and have the groups', () => {
    const faults = (pattern: string) => parserSchema.safeParse({ ...regex, pattern }).error?.issues;
    expect(faults('T=(?<t>')).toMatchObject([{ path: ['pattern'] }]);
    expect(faults('T=(?<t>.*)')).toMatchObject([
      { path: ['channels', 1, 'group'], message: 'the pattern has no group h' },
    ]);
    expect(faults('(?<t>a)|(?<h>b)')).toBeUndefined();
  });
});

describe('JSON', () => {
  it('is searched by path; a line need not have everything', () => {
    const lines = ['{"env":{"temp":23.5},"probes":[{},{"value":"41"}],"on":true}', '{"env":{"temp":null},"on":false}'];
    expect(parse(json, [lines.join('\n'), '\n[]\n{"env":\n"x"\n{"__proto__":{"on":1}}\n'])).toEqual({
      values: ['temp=23.5', 'hum=41', 'state=true', 'state=false'],
      dropped: { 'bad-value': 1, garbage: 1, 'no-values': 3 },
    });
  });
});

describe('lines', () => {
  it('are left out when they are too long, whole or in parts, and the next ones are read', () => {
    const long = 'x'.repeat(65);
    expect(parse(delimiter, [`${long}\n1\n`])).toEqual({ values: ['temp=1'], dropped: { 'line-too-long': 1 } });
    const parts = [...`${long}${long}\n1\n`];
    expect(parse(delimiter, parts)).toEqual({ values: ['temp=1'], dropped: { 'line-too-long': 1 } });
    expect(parse({ ...delimiter, lineEnd: '\r\n' }, [`${long}\r`, '\n2\r\n']).values).toEqual(['temp=2']);
  });

  it('do not begin in their middle', () => {
    expect(parse(delimiter, ['3.5\n24.5\n'], 64, false)).toEqual({
      values: ['temp=24.5'],
      dropped: { 'partial-line': 1 },
    });
    expect(parse(delimiter, ['\n24.5\n'], 64, false)).toEqual({ values: ['temp=24.5'], dropped: {} });
  });

  it('are not joined over a silence', () => {
    const buffer = new ReadingBuffer(10);
    const parser = createParser(parserSchema.parse(delimiter), 64, buffer);
    parser.begin(true);
    parser.take(Buffer.from('1'), 1);
    parser.begin(true);
    parser.take(Buffer.from('2.5\n'), 2);
    expect(buffer.take()).toMatchObject([{ value: 2.5 }]);
    expect([...buffer.takeDropped()]).toEqual([['partial-line', 1]]);
  });
});

describe('frames', () => {
  it('are numbers of all types in both orders', () => {
    const cases: [string, Buffer, number][] = [
      ['int8', Buffer.from([0xfe]), -2],
      ['uint8', Buffer.from([0xfe]), 254],
      ['int16', Buffer.from([0xff, 0x38]), -200],
      ['uint16', Buffer.from([0xff, 0x38]), 65_336],
      ['int32', Buffer.from([0xff, 0xff, 0xff, 0x38]), -200],
      ['uint32', Buffer.from([0x80, 0, 0, 1]), 2_147_483_649],
      ['float32', Buffer.from([0x41, 0xbc, 0, 0]), 23.5],
      ['float64', Buffer.from([0x40, 0x37, 0x80, 0, 0, 0, 0, 0]), 23.5],
    ];
    for (const [encoding, bytes, value] of cases) {
      for (const byteOrder of ['big', 'little'] as const) {
        const channels = [{ ...temp, byte: 1, encoding }];
        const options = { format: 'frame', start: '7e', length: 1 + bytes.length, byteOrder, channels } as Parser;
        const ordered = byteOrder === 'big' ? bytes : Buffer.from(bytes).reverse();
        expect(parse(options, [Buffer.from([0x7e]), ordered]).values).toEqual([`temp=${value}`]);
      }
    }
  });

  it.each([
    ['sum8', 0xdd],
    ['sum16', 0x01dd],
    ['xor8', 0x31],
    ['crc16-modbus', 0x4b37],
  ] as const)('have the checksum %s that others compute', (kind, expected) => {
    const { of } = checksums[kind];
    expect(of(Buffer.from('123456789'), 0, 9)).toBe(expected);
    expect(of(Buffer.from('-123456789-'), 1, 10)).toBe(expected);
  });

  it('are found behind noise, false starts and frames with a wrong checksum', () => {
    const broken = frameOf(1, 2, 3);
    broken[3]! ^= 4;
    const bytes = Buffer.concat([
      frameOf(235, 41, 1),
      Buffer.from('noise'),
      broken,
      Buffer.from([0xaa, 0x55]),
      frameOf(-10, 42, 0),
    ]);
    expect(parse(frame, [bytes])).toEqual({
      values: ['temp=23.5', 'hum=41', 'state=1', 'temp=-1', 'hum=42', 'state=0'],
      dropped: { garbage: 1, 'bad-checksum': 2 },
    });
  });

  it('that were under way at the beginning, or never end, are left out', () => {
    const rest = frameOf(1, 1, 1).subarray(3);
    expect(parse(frame, [rest, frameOf(10, 1, 1)], 64, false)).toEqual({
      values: ['temp=1', 'hum=1', 'state=1'],
      dropped: {},
    });
    const buffer = new ReadingBuffer(10);
    const parser = createParser(parserSchema.parse(frame), 64, buffer);
    parser.take(frameOf(1, 1, 1).subarray(0, 5), 1);
    parser.begin(true);
    parser.take(frameOf(20, 1, 1), 2);
    expect(buffer.take()).toMatchObject([{ value: 2 }, { value: 1 }, { value: 1 }]);
    expect([...buffer.takeDropped()]).toEqual([['partial-frame', 1]]);
  });

  it('must hold what they are said to hold', () => {
    const faults = (changes: object) =>
      parserSchema.safeParse({ ...frame, ...changes }).error?.issues.map(({ path }) => path.join('.'));
    expect(faults({ length: 7, checksum: undefined })).toBeUndefined();
    expect(faults({ length: 6, checksum: undefined })).toEqual(['channels.2.byte']);
    expect(faults({ checksum: { kind: 'xor8', byte: 9 } })).toEqual(['checksum.byte']);
    expect(faults({ checksum: { kind: 'xor8', from: 8 } })).toEqual(['checksum.from']);
    expect(faults({ start: 'aa5' })).toEqual(['start']);
    expect(faults({ channels: [frame.channels[0], frame.channels[0]] })).toEqual(['channels']);
  });
});

describe('however the bytes are cut into chunks', () => {
  const reading = fc.tuple(fc.integer({ min: -400, max: 1200 }), fc.nat(100), fc.nat(1));
  const noise = fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes));
  const streams: [string, Parser, fc.Arbitrary<Buffer[]>][] = [
    [
      'columns',
      delimiter,
      fc.array(
        fc.oneof(
          reading.map(([t, h]) => Buffer.from(`${t};x;${h}\r\n`)),
          noise,
        ),
      ),
    ],
    [
      'matches',
      regex,
      fc.array(
        fc.oneof(
          reading.map(([t, h]) => Buffer.from(`T=${t} H=${h}\n`)),
          noise,
        ),
      ),
    ],
    [
      'JSON',
      json,
      fc.array(
        fc.oneof(
          reading.map(([t]) => Buffer.from(`{"env":{"temp":${t}}}\n`)),
          noise,
        ),
      ),
    ],
    [
      'frames',
      frame,
      fc.array(
        fc.oneof(
          reading.map(([t, h, s]) => frameOf(t, h, s)),
          noise,
        ),
      ),
    ],
  ];

  it.each(streams)('%s come out the same, noise or not', (_name, options, stream) => {
    fc.assert(
      fc.property(stream, fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }), (parts, sizes) => {
        const bytes = Buffer.concat(parts);
        expect(parse(options, cut(bytes, sizes), 40)).toEqual(parse(options, [bytes], 40));
      }),
      { numRuns: 60 },
    );
  });

  it('every frame amid noise is found, and only a chance in 65,536 is taken for one', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(reading, noise), { maxLength: 8 }), (parts) => {
        const bytes = Buffer.concat(parts.flatMap(([[t, h, s], junk]) => [frameOf(t, h, s), junk]));
        const expected = parts.flatMap(([[t, h, s]]) => [`temp=${t * 0.1}`, `hum=${h}`, `state=${s}`]);
        expect(parse(frame, [bytes]).values).toEqual(expected);
      }),
      { numRuns: 100 },
    );
  });
});

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0, i = 0; at < bytes.length; at += sizes[i++ % sizes.length]!) {
    chunks.push(bytes.subarray(at, at + sizes[i % sizes.length]!));
  }
  return chunks;
}

it('what nobody fetches is bounded, and counted', () => {
  const buffer = new ReadingBuffer(3);
  const parser = createParser(parserSchema.parse(delimiter), 64, buffer);
  parser.begin(true);
  parser.take(Buffer.from('1\n2\n3\n4\n5\n'), 1);
  expect(buffer.take().map(({ value }) => value)).toEqual([3, 4, 5]);
  expect([...buffer.takeDropped()]).toEqual([['buffer-full', 2]]);
  expect([...buffer.takeDropped()]).toEqual([]);
});
