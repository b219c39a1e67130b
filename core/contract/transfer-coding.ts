import { constants, deflateSync, inflateSync } from 'node:zlib';
import { ContractError } from './contract-error.js';

/** The most bytes a payload may have, as sent and after inflating: a bomb ends here. */
export const maxPayloadBytes = 1024 * 1024;

const zlibFirstByte = 0x78;
const jsonFirstByte = 0x5b;

/** Deflates in the zlib format (RFC 1950); raw deflate could not be told from JSON or CBOR by its first byte. */
export function deflatePayload(json: Uint8Array | string): Uint8Array {
  return deflateSync(json, { level: constants.Z_DEFAULT_COMPRESSION });
}

/** The transfer coding of a payload, by its first byte. */
export function codingOf(payload: Uint8Array): 'identity' | 'zlib' {
  return payload[0] === zlibFirstByte ? 'zlib' : 'identity';
}

/**
 * The JSON text behind a payload's transfer coding, told by its first byte: `[` JSON, 0x78 zlib.
 * Throws ContractError `too-large` or `bad-coding`.
 */
export function payloadText(payload: Uint8Array): string {
  if (payload.byteLength > maxPayloadBytes)
    throw new ContractError('too-large', `payload of ${payload.byteLength} bytes`);
  const first = payload[0];
  if (first === jsonFirstByte) return asText(payload);
  if (first !== zlibFirstByte) {
    throw new ContractError('bad-coding', `first byte ${first === undefined ? 'missing' : `0x${first.toString(16)}`}`);
  }
  return asText(inflatePayload(payload));
}

/** Inflates what {@link deflatePayload} made. Throws ContractError `too-large` or `bad-coding`. */
export function inflatePayload(payload: Uint8Array): Uint8Array {
  try {
    return inflateSync(payload, { maxOutputLength: maxPayloadBytes });
  } catch (cause) {
    const tooLarge = (cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    throw tooLarge
      ? new ContractError('too-large', `inflates to more than ${maxPayloadBytes} bytes`, { cause })
      : new ContractError('bad-coding', 'not a zlib stream', { cause });
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function asText(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new ContractError('bad-coding', 'not UTF-8', { cause });
  }
}
