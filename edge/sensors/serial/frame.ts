import { z } from 'zod';
import { channelList, channelShape } from '../channel-shape.js';
import type { ReadingBuffer } from '../reading-buffer.js';
import { checksums, type ChecksumKind } from './checksum.js';
import { RecordSink, type SerialParser } from './parser.js';

type Orders = readonly [big: (data: Buffer, at: number) => number, little: (data: Buffer, at: number) => number];

const types = {
  int8: { bytes: 1, read: both((data, at) => data.readInt8(at)) },
  uint8: { bytes: 1, read: both((data, at) => data.readUInt8(at)) },
  int16: { bytes: 2, read: [(data, at) => data.readInt16BE(at), (data, at) => data.readInt16LE(at)] },
  uint16: { bytes: 2, read: [(data, at) => data.readUInt16BE(at), (data, at) => data.readUInt16LE(at)] },
  int32: { bytes: 4, read: [(data, at) => data.readInt32BE(at), (data, at) => data.readInt32LE(at)] },
  uint32: { bytes: 4, read: [(data, at) => data.readUInt32BE(at), (data, at) => data.readUInt32LE(at)] },
  float32: { bytes: 4, read: [(data, at) => data.readFloatBE(at), (data, at) => data.readFloatLE(at)] },
  float64: { bytes: 8, read: [(data, at) => data.readDoubleBE(at), (data, at) => data.readDoubleLE(at)] },
} as const satisfies Record<string, { bytes: number; read: Orders }>;

function both(read: Orders[0]): Orders {
  return [read, read];
}

const byteOrder = z.enum(['big', 'little']);

/** `aa 55 00 eb 01 99 …` */
export const frameSchema = z
  .strictObject({
    format: z.literal('frame').describe('Binary frames of one length'),
    start: z
      .string()
      .regex(/^([0-9a-fA-F]{2}){1,16}$/, 'pairs of hexadecimal digits')
      .describe('Bytes that begin a frame, in hexadecimal: aa55'),
    length: z.int().min(2).max(4096).describe('Bytes of a whole frame, start and checksum included'),
    byteOrder: byteOrder.default('big').describe('Which byte of a number comes first: big, the most significant one'),
    checksum: z
      .strictObject({
        kind: z.enum(Object.keys(checksums) as [ChecksumKind, ...ChecksumKind[]]).describe('How it is computed'),
        from: z.int().min(0).default(0).describe('First byte that it covers'),
        byte: z.int().min(1).optional().describe('Where it stands; it covers what is before. Default: at the end'),
        byteOrder: byteOrder.optional().describe("Default: little for crc16-modbus, otherwise the frame's"),
      })
      .optional()
      .describe('What shows that a frame arrived whole'),
    channels: channelList(
      z.strictObject({
        ...channelShape,
        byte: z.int().min(0).describe('Where the number begins, from 0 at the first start byte'),
        encoding: z.enum(Object.keys(types) as [keyof typeof types]).describe('How the number is written'),
        byteOrder: byteOrder.optional().describe("Default: the frame's"),
      }),
    ).describe('The numbers in a frame'),
  })
  .superRefine(({ length, channels, checksum }, context) => {
    const outside = (path: (string | number)[]) =>
      context.addIssue({ code: 'custom', path, message: `reaches beyond the ${length} bytes of a frame` });
    channels.forEach(({ byte, encoding }, i) => {
      if (byte + types[encoding].bytes > length) outside(['channels', i, 'byte']);
    });
    const at = checksum && (checksum.byte ?? length - checksums[checksum.kind].bytes);
    if (at !== undefined && at + checksums[checksum!.kind].bytes > length) outside(['checksum', 'byte']);
    if (at !== undefined && checksum!.from >= at) outside(['checksum', 'from']);
  });
export type FrameOptions = z.output<typeof frameSchema>;

const nothing = Buffer.alloc(0);

/**
 * Finds frames by their start bytes. After a frame with a wrong checksum the search goes on at its second byte, so that
 * start bytes in noise hide no true frame. Left out: `bad-checksum` by frame, `garbage` by stretch of other bytes,
 * `partial-frame` where the rest never came.
 */
export class Frames implements SerialParser {
  private held: Buffer = nothing;
  private inGarbage = true;
  private readonly start: Buffer;
  private readonly isSound: (frame: Buffer) => boolean;
  private readonly readers: readonly ((frame: Buffer) => number)[];
  private readonly found: unknown[];
  private readonly sink: RecordSink;

  constructor(
    private readonly options: FrameOptions,
    private readonly buffer: ReadingBuffer,
  ) {
    const numbers = options.channels.map((channel) => ({ ...channel, type: 'number' as const }));
    this.sink = new RecordSink(numbers, buffer);
    this.start = Buffer.from(options.start, 'hex');
    this.isSound = checker(options);
    this.readers = options.channels.map(({ byte, encoding, byteOrder = options.byteOrder }) => {
      const read: Orders[0] = types[encoding].read[byteOrder === 'big' ? 0 : 1];
      return (frame) => read(frame, byte);
    });
    this.found = options.channels.map(() => undefined);
  }

  begin(whole: boolean): void {
    if (this.held.length >= this.start.length) this.buffer.drop('partial-frame');
    this.held = nothing;
    // The rest of a frame that was under way when the line was opened is nobody's fault.
    this.inGarbage = !whole;
  }

  take(chunk: Buffer, timeUs: number): void {
    const data = this.held.length === 0 ? chunk : Buffer.concat([this.held, chunk]);
    const { length } = this.options;
    let from = 0;
    for (let at = this.find(data, from); ; at = this.find(data, from)) {
      if (at > from) this.noteGarbage();
      from = at;
      if (data.length - at < length) break;
      from += this.takeFrame(data.subarray(at, at + length), timeUs) ? length : 1;
    }
    this.held = from === data.length ? nothing : Buffer.from(data.subarray(from));
  }

  /** Where a frame begins or, at the end of the data, may begin. */
  private find(data: Buffer, from: number): number {
    const at = data.indexOf(this.start, from);
    if (at >= 0) return at;
    for (let tail = Math.min(this.start.length - 1, data.length - from); tail > 0; tail -= 1) {
      if (data.subarray(data.length - tail).equals(this.start.subarray(0, tail))) return data.length - tail;
    }
    return data.length;
  }

  private takeFrame(frame: Buffer, timeUs: number): boolean {
    if (!this.isSound(frame)) {
      this.buffer.drop('bad-checksum');
      this.inGarbage = true;
      return false;
    }
    this.inGarbage = false;
    for (let i = 0; i < this.readers.length; i += 1) this.found[i] = this.readers[i]!(frame);
    this.sink.push(this.found, timeUs);
    return true;
  }

  private noteGarbage(): void {
    if (!this.inGarbage) this.sink.garbage();
    this.inGarbage = true;
  }
}

function checker({ checksum, length, byteOrder }: FrameOptions): (frame: Buffer) => boolean {
  if (!checksum) return () => true;
  const { bytes, of } = checksums[checksum.kind];
  const { from, byte: at = length - bytes } = checksum;
  const order = checksum.byteOrder ?? (checksum.kind === 'crc16-modbus' ? 'little' : byteOrder);
  return (frame) => {
    const told = order === 'big' ? frame.readUIntBE(at, bytes) : frame.readUIntLE(at, bytes);
    return of(frame, from, at) === told;
  };
}
