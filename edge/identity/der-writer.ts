/** What a request is made of, in the distinguished encoding of ASN.1 (X.690); `edge/uplink/der.ts` reads it. */
export const sequence = (...parts: readonly Buffer[]): Buffer => value(0x30, ...parts);
export const set = (...parts: readonly Buffer[]): Buffer => value(0x31, ...parts);
export const octets = (bytes: Buffer): Buffer => value(0x04, bytes);
export const utf8 = (text: string): Buffer => value(0x0c, Buffer.from(text, 'utf8'));
/** Of whole bytes. */
export const bits = (bytes: Buffer): Buffer => value(0x03, Buffer.of(0), bytes);
/** From 0 to 127. */
export const smallInteger = (number: number): Buffer => value(0x02, Buffer.of(number));

/** An object identifier with dots. */
export function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  return value(0x06, Buffer.from([first * 40 + second, ...rest].flatMap(base128)));
}

/** Any tag with what stands behind it. */
export function value(tag: number, ...parts: readonly Buffer[]): Buffer {
  const bytes = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag, ...lengthOf(bytes.length)]), bytes]);
}

function lengthOf(length: number): number[] {
  if (length < 0x80) return [length];
  const digits: number[] = [];
  for (let left = length; left > 0; left = Math.floor(left / 256)) digits.unshift(left % 256);
  return [0x80 | digits.length, ...digits];
}

/** Seven bits in a byte, the top bit set in all but the last. */
function base128(number: number): number[] {
  const digits = [number % 128];
  for (let left = Math.floor(number / 128); left > 0; left = Math.floor(left / 128))
    digits.unshift(0x80 | (left % 128));
  return digits;
}
