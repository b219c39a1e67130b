/** One value of ASN.1 in its distinguished encoding (X.690). */
export interface Der {
  readonly tag: number;
  readonly bytes: Buffer;
}

/** The first value of the bytes. Throws RangeError if they hold none. */
export function readDer(bytes: Buffer): Der {
  return valueAt(bytes, 0).value;
}

/** The values inside a constructed one. */
export function children({ bytes }: Der): Der[] {
  const found: Der[] = [];
  for (let at = 0; at < bytes.length;) {
    const { value, end } = valueAt(bytes, at);
    found.push(value);
    at = end;
  }
  return found;
}

/** An object identifier with dots. */
export function text({ bytes }: Der): string {
  const numbers: number[] = [];
  let number = 0;
  for (const byte of bytes) {
    number = number * 128 + (byte & 0x7f);
    if (byte & 0x80) continue;
    numbers.push(number);
    number = 0;
  }
  const [first = 0, ...rest] = numbers;
  const top = Math.min(2, Math.floor(first / 40));
  return [top, first - top * 40, ...rest].join('.');
}

function valueAt(bytes: Buffer, at: number): { value: Der; end: number } {
  const tag = bytes.readUInt8(at);
  const short = bytes.readUInt8(at + 1);
  const lengthBytes = short < 0x80 ? 0 : short & 0x7f;
  if (lengthBytes > 4 || short === 0x80) throw new RangeError('not DER');
  const length = lengthBytes === 0 ? short : bytes.readUIntBE(at + 2, lengthBytes);
  const from = at + 2 + lengthBytes;
  if (from + length > bytes.length) throw new RangeError('DER that ends too soon');
  return { value: { tag, bytes: bytes.subarray(from, from + length) }, end: from + length };
}
