import { ContractError } from '#core/contract/contract-error.js';

const varint = 0;
const fixed64 = 1;
const lengthDelimited = 2;
const fixed32 = 5;

const text = new TextDecoder('utf-8', { fatal: true });

/**
 * Walks over the fields of one protobuf message: after `next()` the caller takes the field's value or skips it. It reads
 * nothing beyond its end, copies nothing, and never descends by itself, so hostile bytes cost no more than their length.
 * Throws ContractError `bad-coding`.
 */
export class WireReader {
  /** The number of the field at hand. */
  field = 0;
  private wire = 0;
  private low = 0;
  private high = 0;
  private readonly view: DataView;

  constructor(
    private readonly bytes: Uint8Array,
    private at = 0,
    private readonly end = bytes.length,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Goes to the next field; false at the end. */
  next(): boolean {
    if (this.at === this.end) return false;
    this.readVarint();
    if (this.high !== 0) throw bad('a tag of more than 32 bits');
    this.field = this.low >>> 3;
    this.wire = this.low & 7;
    if (this.field === 0) throw bad('field 0');
    return true;
  }

  uint32(): number {
    this.expect(varint);
    this.readVarint();
    // As every reader of protobuf: what does not fit is cut.
    return this.low >>> 0;
  }

  bool(): boolean {
    this.expect(varint);
    this.readVarint();
    return (this.low | this.high) !== 0;
  }

  /** A uint64 as a number: exact up to 2^53, beyond it the nearest double, which is not safe. */
  uint64(): number {
    this.expect(varint);
    this.readVarint();
    return (this.high >>> 0) * 2 ** 32 + (this.low >>> 0);
  }

  /** A uint64 in two's complement, as {@link uint64}. */
  int64(): { readonly signed: number; readonly unsigned: number } {
    const unsigned = this.uint64();
    return { unsigned, signed: (this.high | 0) * 2 ** 32 + (this.low >>> 0) };
  }

  float(): number {
    this.expect(fixed32);
    return this.view.getFloat32(this.take(4), true);
  }

  double(): number {
    this.expect(fixed64);
    return this.view.getFloat64(this.take(8), true);
  }

  string(): string {
    const length = this.length();
    const start = this.take(length);
    try {
      return text.decode(this.bytes.subarray(start, start + length));
    } catch (cause) {
      throw new ContractError('bad-coding', 'a string is not UTF-8', { cause });
    }
  }

  /** The message in this field. */
  message(): WireReader {
    const length = this.length();
    const start = this.take(length);
    return new WireReader(this.bytes, start, start + length);
  }

  skip(): void {
    switch (this.wire) {
      case varint:
        return this.readVarint();
      case fixed64:
        return void this.take(8);
      case lengthDelimited:
        return void this.take(this.length());
      case fixed32:
        return void this.take(4);
      default:
        // Groups were given up before Sparkplug was made.
        throw bad(`wire type ${this.wire}`);
    }
  }

  private length(): number {
    this.expect(lengthDelimited);
    this.readVarint();
    if (this.high !== 0) throw bad('a length of more than 32 bits');
    return this.low >>> 0;
  }

  private take(bytes: number): number {
    const start = this.at;
    if (bytes > this.end - start) throw bad('the message ends within a field');
    this.at += bytes;
    return start;
  }

  private expect(wire: number): void {
    if (this.wire !== wire) throw bad(`field ${this.field} has wire type ${this.wire}, not ${wire}`);
  }

  private readVarint(): void {
    let [low, high] = [0, 0];
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.at === this.end) throw bad('the message ends within a number');
      const byte = this.bytes[this.at++]!;
      const bits = byte & 0x7f;
      if (shift < 32) low |= bits << shift;
      // The fifth byte has bits of both halves.
      if (shift === 28) high = bits >>> 4;
      else if (shift > 28) high |= bits << (shift - 32);
      if (byte < 0x80) {
        this.low = low;
        this.high = high;
        return;
      }
    }
    throw bad('a number of more than ten bytes');
  }
}

function bad(detail: string): ContractError {
  return new ContractError('bad-coding', detail);
}
