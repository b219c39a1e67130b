import { maxPayloadBytes } from '#core/contract/transfer-coding.js';
import { messageOf, RejectedError } from '#core/runtime/errors.js';
import type { Entry, NewEntry } from './outbox.js';

/**
 * Encodes the packs of one append under rising numbers. Throws RejectedError `refused` if an encoder throws, or
 * `too-large`; then none of them may get a number.
 */
export function encodeEntries(entries: readonly NewEntry[], first: number, epoch: string): Entry[] {
  return entries.map(({ lane, readings, encode }, index) => {
    const seq = first + index;
    const payload = encodeOne(encode, seq, epoch);
    if (payload.byteLength > maxPayloadBytes) {
      throw new RejectedError('too-large', `a pack of ${payload.byteLength} bytes; at most ${maxPayloadBytes}`);
    }
    return { seq, lane, readings, payload };
  });
}

function encodeOne(encode: NewEntry['encode'], seq: number, epoch: string): Uint8Array {
  try {
    return encode(seq, epoch);
  } catch (cause) {
    throw new RejectedError('refused', `a pack could not be encoded: ${messageOf(cause)}`, { cause });
  }
}
