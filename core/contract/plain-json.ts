const [quote, minus, dot, zero] = [0x22, 0x2d, 0x2e, 0x30];
const longestName = 64;
/** So many digits of a whole number are exact in a double. */
const exactDigits = 15;

/** Which bytes may stand in a name, by `isName`; and which in a unit, as far as JSON needs no escape for them. */
const inName = Uint8Array.from({ length: 256 }, (_, byte) =>
  Number(/^[A-Za-z0-9_.:-]$/.test(String.fromCharCode(byte))),
);
const startsName = Uint8Array.from({ length: 256 }, (_, byte) =>
  Number(/^[A-Za-z0-9]$/.test(String.fromCharCode(byte))),
);
const isHex = Uint8Array.from({ length: 256 }, (_, byte) => Number(/^[0-9a-f]$/.test(String.fromCharCode(byte))));
const isPlain = Uint8Array.from({ length: 256 }, (_, byte) =>
  Number(byte >= 0x20 && byte < 0x7f && byte !== quote && byte !== 0x5c),
);

/**
 * Reads the bytes of JSON as machines write it, at `at`, which stands behind what was read. Each method tells whether it
 * was there: if not, the text may still be JSON, and somebody else must read it.
 */
export class PlainJson {
  protected bytes: Uint8Array = new Uint8Array();
  protected at = 0;
  /** Where the last text begins, behind its quote. */
  protected start = 0;
  /** The last number without its sign and its fraction. */
  protected whole = 0;
  protected isNegative = false;
  protected isFraction = false;

  /** A number as JSON has it, without an exponent: it is finite. */
  protected number(): boolean {
    const { bytes } = this;
    this.isNegative = bytes[this.at] === minus;
    if (this.isNegative) this.at += 1;
    const start = this.at;
    let whole = 0;
    let digit = bytes[this.at]! - zero;
    for (; digit >= 0 && digit <= 9; digit = bytes[++this.at]! - zero) whole = whole * 10 + digit;
    const length = this.at - start;
    if (length === 0 || length > exactDigits || (length > 1 && bytes[start] === zero)) return false;
    this.whole = whole;
    this.isFraction = bytes[this.at] === dot;
    if (!this.isFraction) return bytes[this.at] !== 0x65 && bytes[this.at] !== 0x45;
    const from = (this.at += 1);
    digit = bytes[this.at]! - zero;
    for (; digit >= 0 && digit <= 9;) digit = bytes[++this.at]! - zero;
    // What follows is looked at by who asked: an exponent is no comma.
    return this.at > from;
  }

  protected integer(): boolean {
    return this.number() && !this.isNegative && !this.isFraction;
  }

  /** Text that needs no escape, to its closing quote. */
  protected plain(longest: number): boolean {
    const { bytes } = this;
    if (bytes[this.at++] !== quote) return false;
    this.start = this.at;
    while (isPlain[bytes[this.at]!] === 1) this.at += 1;
    return this.at - this.start <= longest && bytes[this.at++] === quote;
  }

  protected name(): boolean {
    const { bytes } = this;
    if (bytes[this.at++] !== quote) return false;
    const start = this.at;
    if (startsName[bytes[start]!] !== 1) return false;
    while (inName[bytes[this.at]!] === 1) this.at += 1;
    this.start = start;
    return this.at - start <= longestName && bytes[this.at++] === quote;
  }

  protected hash(): boolean {
    const { bytes } = this;
    if (bytes[this.at++] !== quote) return false;
    const end = this.at + 32;
    while (this.at < end) if (isHex[bytes[this.at++]!] !== 1) return false;
    return bytes[this.at++] === quote;
  }

  protected literal(text: string): boolean {
    for (let i = 0; i < text.length; i += 1) if (this.bytes[this.at++] !== text.charCodeAt(i)) return false;
    return true;
  }

  /** Which of the words stands there, in quotes; -1 if none does. */
  protected oneOf(words: readonly Buffer[]): number {
    if (!this.plain(longestName)) return -1;
    const { bytes, start } = this;
    const length = this.at - 1 - start;
    return words.findIndex((word) => word.length === length && isSame(bytes, start, word, 0, length));
  }

  protected textAt(at: number, length: number): string {
    return Buffer.from(this.bytes.buffer, this.bytes.byteOffset + at, length).toString('latin1');
  }
}

/** From the end, where names differ. */
export function isSame(bytes: Uint8Array, at: number, others: Uint8Array, from: number, length: number): boolean {
  for (let i = length - 1; i >= 0; i -= 1) if (bytes[at + i] !== others[from + i]) return false;
  return true;
}
