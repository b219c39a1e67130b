/** Bytes of a part, both ends included. */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

/**
 * What a `Range` header asks of `size` bytes: undefined for all of them, as for what is no range, or several, which a server
 * may ignore; `unsatisfiable` for what lies behind the end. RFC 9110, 14.
 */
export function rangeOf(header: string | undefined, size: number): ByteRange | 'unsatisfiable' | undefined {
  const match = /^bytes=[ \t]*(\d{0,15})-(\d{0,15})[ \t]*$/.exec(header ?? '');
  if (!match || (match[1] === '' && match[2] === '')) return undefined;
  const [, first, last] = match;
  if (first === '') return suffix(Number(last), size);
  const from = Number(first);
  const to = last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (last !== '' && Number(last) < from) return undefined;
  return from >= size ? 'unsatisfiable' : { from, to };
}

function suffix(length: number, size: number): ByteRange | 'unsatisfiable' {
  if (length === 0 || size === 0) return 'unsatisfiable';
  return { from: Math.max(0, size - length), to: size - 1 };
}

/** Whether one of the entity tags of an `If-None-Match` or `If-Range` header is `tag`; weak ones count for the first only. */
export function namesTag(header: string | undefined, tag: string, weak: boolean): boolean {
  if (header === undefined) return false;
  if (weak && header.trim() === '*') return true;
  const tags = header.split(',').map((one) => one.trim());
  return tags.some((one) => one === tag || (weak && one === `W/${tag}`));
}
