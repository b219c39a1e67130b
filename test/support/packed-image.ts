import { crc32, deflateRawSync } from 'node:zlib';

export interface ZipFile {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly stored?: boolean;
  readonly encrypted?: boolean;
  /** As a writer to a pipe makes it: sizes of 64 bits, in a field of their own. */
  readonly zip64?: boolean;
  /** Instead of 0 (stored) or 8 (deflated). */
  readonly method?: number;
}

/** A zip file. [APPNOTE 6.3.10] */
export function zipOf(files: readonly ZipFile[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const file of files) {
    const data = file.stored ? Buffer.from(file.bytes) : deflateRawSync(file.bytes);
    const local = header(file, data.length, { signature: 0x04034b50, offset: undefined });
    directory.push(header(file, data.length, { signature: 0x02014b50, offset: at }));
    parts.push(local, data);
    at += local.length + data.length;
  }
  const listing = Buffer.concat(directory);
  return Buffer.concat([...parts, listing, endOf(files, listing.length, at)]);
}

function header(
  file: ZipFile,
  packedBytes: number,
  { signature, offset }: { signature: number; offset?: number },
): Buffer {
  const name = Buffer.from(file.name);
  const sizes = [file.bytes.length, packedBytes];
  const extra = file.zip64 ? zip64Field([...sizes, ...(offset === undefined ? [] : [offset])]) : Buffer.alloc(0);
  const shown = (value: number): number => (file.zip64 ? 0xffffffff : value);
  const isCentral = offset !== undefined;
  const fixed = Buffer.alloc(isCentral ? 46 : 30);
  fixed.writeUInt32LE(signature, 0);
  const start = isCentral ? 6 : 4;
  fixed.writeUInt16LE(45, start);
  fixed.writeUInt16LE(file.encrypted ? 1 : 0, start + 2);
  fixed.writeUInt16LE(file.method ?? (file.stored ? 0 : 8), start + 4);
  fixed.writeUInt32LE(crc32(file.bytes), start + 10);
  fixed.writeUInt32LE(shown(packedBytes), start + 14);
  fixed.writeUInt32LE(shown(file.bytes.length), start + 18);
  fixed.writeUInt16LE(name.length, start + 22);
  fixed.writeUInt16LE(extra.length, start + 24);
  if (isCentral) fixed.writeUInt32LE(shown(offset), 42);
  return Buffer.concat([fixed, name, extra]);
}

function zip64Field(values: readonly number[]): Buffer {
  const field = Buffer.alloc(4 + values.length * 8);
  field.writeUInt16LE(1, 0);
  field.writeUInt16LE(values.length * 8, 2);
  for (const [index, value] of values.entries()) field.writeBigUInt64LE(BigInt(value), 4 + index * 8);
  return field;
}

function endOf(files: readonly ZipFile[], listingBytes: number, offset: number): Buffer {
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(listingBytes, 12);
  end.writeUInt32LE(offset, 16);
  return end;
}

export interface XzOptions {
  /** A block each, as `xz -T` makes them; one block by default. */
  readonly blockBytes?: number;
  /** 1 CRC32; 10 SHA-256, which is only claimed. */
  readonly check?: number;
  /** LZMA2 by default. */
  readonly filter?: number;
  /** Of the window, as LZMA2 codes it: 22 are 8 MiB, 28 are 64 MiB. */
  readonly window?: number;
}

/** An xz file whose data are not packed, each block with its CRC32. [xz file format 1.2.0] */
export function xzOf(bytes: Uint8Array, options: XzOptions = {}): Buffer {
  const { blockBytes = Math.max(bytes.length, 1), check = 1, filter = 0x21, window = 22 } = options;
  const flags = Buffer.from([0, check]);
  const parts = [Buffer.from('fd377a585a00', 'hex'), flags, uint32(crc32(flags))];
  const records: number[] = [];
  for (let at = 0; at < bytes.length; at += blockBytes) {
    const content = bytes.subarray(at, at + blockBytes);
    const blockHeader = Buffer.from([2, 0, filter, 1, window, 0, 0, 0]);
    const data = lzma2Stored(content);
    const unpadded = blockHeader.length + 4 + data.length + 4;
    parts.push(blockHeader, uint32(crc32(blockHeader)), data, zerosTo4(data.length), uint32(crc32(content)));
    records.push(unpadded, content.length);
  }
  const listed = Buffer.concat([Buffer.from([0]), variable(records.length / 2), ...records.map(variable)]);
  const index = Buffer.concat([listed, zerosTo4(listed.length)]);
  const backward = Buffer.concat([uint32((index.length + 4) / 4 - 1), flags]);
  return Buffer.concat([...parts, index, uint32(crc32(index)), uint32(crc32(backward)), backward, Buffer.from('YZ')]);
}

function lzma2Stored(content: Uint8Array): Buffer {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < content.length; at += 65536) {
    const chunk = content.subarray(at, at + 65536);
    const head = Buffer.from([at === 0 ? 1 : 2, 0, 0]);
    head.writeUInt16BE(chunk.length - 1, 1);
    parts.push(head, chunk);
  }
  return Buffer.concat([...parts, Buffer.from([0])]);
}

function variable(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) + 128);
  }
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function zerosTo4(length: number): Buffer {
  return Buffer.alloc((4 - (length % 4)) % 4);
}
