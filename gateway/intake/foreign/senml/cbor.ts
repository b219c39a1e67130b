import { ContractError } from '#core/contract/contract-error.js';

/** What is read of CBOR. Byte strings stay bytes; the keys of a map are texts and integers. */
export type CborValue =
  | number
  | string
  | boolean
  | null
  | undefined
  | Uint8Array
  | readonly CborValue[]
  | ReadonlyMap<string | number, CborValue>;

const maxDepth = 8;
/** Items over all levels: a pack of ten thousand records with a dozen labels each is within it. */
const maxItems = 300_000;
const indefinite = 31;
const breakByte = 0xff;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads one CBOR item (RFC 8949) that fills the bytes: integers within 2^53, floats of all sizes, texts, bytes, arrays, maps,
 * definite or not; tags are passed over. Throws ContractError `bad-coding` for anything else.
 */
export function readCbor(bytes: Uint8Array): CborValue {
  const reader = new CborReader(bytes);
  const value = reader.item(0);
  if (!reader.atEnd) throw fault('bytes behind the end');
  return value;
}

class CborReader {
  private at = 0;
  private items = 0;
  private readonly view: DataView;

  constructor(private readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get atEnd(): boolean {
    return this.at === this.bytes.byteLength;
  }

  item(depth: number): CborValue {
    this.items += 1;
    if (depth > maxDepth || this.items > maxItems) throw fault('too many items, or too deep');
    const head = this.take(1);
    const initial = this.bytes[head]!;
    const [major, info] = [initial >> 5, initial & 0x1f];
    switch (major) {
      case 0:
        return this.argument(info);
      case 1:
        return -1 - this.argument(info);
      case 2:
        return this.string(info, 2);
      case 3:
        return this.text(info);
      case 4:
        return this.array(info, depth);
      case 5:
        return this.map(info, depth);
      case 6:
        this.argument(info);
        return this.item(depth + 1);
      default:
        return this.simple(info);
    }
  }

  /** Moves on, and returns where it was. */
  private take(length: number): number {
    const start = this.at;
    if (length > this.bytes.byteLength - start) throw fault('cut off');
    this.at += length;
    return start;
  }

  private argument(info: number): number {
    if (info < 24) return info;
    if (info === 24) return this.bytes[this.take(1)]!;
    if (info === 25) return this.view.getUint16(this.take(2));
    if (info === 26) return this.view.getUint32(this.take(4));
    if (info !== 27) throw fault(`additional information ${info}`);
    const at = this.take(8);
    const value = this.view.getUint32(at) * 2 ** 32 + this.view.getUint32(at + 4);
    if (!Number.isSafeInteger(value)) throw fault('an integer beyond 2^53');
    return value;
  }

  private string(info: number, major: number): Uint8Array {
    if (info !== indefinite) {
      const length = this.argument(info);
      const start = this.take(length);
      return this.bytes.subarray(start, start + length);
    }
    const chunks: Uint8Array[] = [];
    while (!this.atBreak()) {
      this.items += 1;
      const initial = this.bytes[this.take(1)]!;
      // Chunks are of the same kind, and definite. [RFC 8949, section 3.2.3]
      if (initial >> 5 !== major || (initial & 0x1f) === indefinite) throw fault('a chunk of another kind');
      chunks.push(this.string(initial & 0x1f, major));
    }
    return Buffer.concat(chunks);
  }

  private text(info: number): string {
    try {
      return utf8.decode(this.string(info, 3));
    } catch (cause) {
      if (cause instanceof ContractError) throw cause;
      throw new ContractError('bad-coding', 'CBOR: a text that is not UTF-8', { cause });
    }
  }

  private array(info: number, depth: number): CborValue[] {
    const values: CborValue[] = [];
    for (const more = this.counter(info); more();) values.push(this.item(depth + 1));
    return values;
  }

  private map(info: number, depth: number): ReadonlyMap<string | number, CborValue> {
    const map = new Map<string | number, CborValue>();
    for (const more = this.counter(info); more();) {
      const key = this.item(depth + 1);
      if (typeof key !== 'string' && !Number.isSafeInteger(key)) throw fault('a key that is no text and no integer');
      if (map.has(key as string | number)) throw fault('a key that comes twice');
      map.set(key as string | number, this.item(depth + 1));
    }
    return map;
  }

  /** Whether there is another element. Each has a byte at least, so a count beyond the end fails where the bytes end. */
  private counter(info: number): () => boolean {
    if (info === indefinite) return () => !this.atBreak();
    let left = this.argument(info);
    return () => (left -= 1) >= 0;
  }

  private atBreak(): boolean {
    if (this.atEnd) throw fault('cut off');
    if (this.bytes[this.at] !== breakByte) return false;
    this.at += 1;
    return true;
  }

  private simple(info: number): CborValue {
    switch (info) {
      case 20:
        return false;
      case 21:
        return true;
      case 22:
        return null;
      case 23:
        return undefined;
      case 25:
        return halfFloat(this.view.getUint16(this.take(2)));
      case 26:
        return this.view.getFloat32(this.take(4));
      case 27:
        return this.view.getFloat64(this.take(8));
      default:
        throw fault(`a simple value ${info}`);
    }
  }
}

/** RFC 8949, appendix D. */
function halfFloat(bits: number): number {
  const [exponent, mantissa] = [(bits >> 10) & 0x1f, bits & 0x3ff];
  const sign = bits & 0x8000 ? -1 : 1;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  if (exponent === 31) return mantissa === 0 ? sign * Infinity : NaN;
  return sign * (mantissa + 1024) * 2 ** (exponent - 25);
}

function fault(detail: string): ContractError {
  return new ContractError('bad-coding', `CBOR: ${detail}`);
}
