import { ContractError } from '#core/contract/contract-error.js';
import { parseSenml, type SenmlRecord } from '#core/contract/senml.js';
import { inflatePayload } from '#core/contract/transfer-coding.js';
import { readCbor, type CborValue } from './cbor.js';

/** RFC 8428, table 4: the integer labels of the CBOR form. */
const cborLabels = new Map<number, string>([
  [-1, 'bver'],
  [-2, 'bn'],
  [-3, 'bt'],
  [-4, 'bu'],
  [-5, 'bv'],
  [-6, 'bs'],
  [0, 'n'],
  [1, 'u'],
  [2, 'v'],
  [3, 'vs'],
  [4, 'vb'],
  [5, 's'],
  [6, 't'],
  [7, 'ut'],
  [8, 'vd'],
]);

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * The records of a pack, whose form is told by its first byte: a CBOR array, a zlib stream, else JSON.
 * Throws ContractError `bad-coding`, `too-large`, `not-json`, `schema`, `version` or `unknown-label`.
 */
export function readSenml(payload: Uint8Array): SenmlRecord[] {
  const first = payload[0];
  if (first === undefined) throw new ContractError('bad-coding', 'an empty message');
  const major = first >> 5;
  // Or a tag before it, such as the self-described 0xd9d9f7.
  if (major === 4 || major === 6) return parseSenml(JSON.stringify(records(readCbor(payload))));
  return parseSenml(text(first === 0x78 ? inflatePayload(payload) : payload));
}

function text(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new ContractError('bad-coding', 'not UTF-8', { cause });
  }
}

/** The same as the JSON form would say it. */
function records(pack: CborValue): unknown[] {
  if (!Array.isArray(pack)) throw new ContractError('schema', 'a pack is an array');
  return (pack as readonly CborValue[]).map((record) => {
    if (!(record instanceof Map)) throw new ContractError('schema', 'a record is a map');
    return Object.fromEntries([...(record as ReadonlyMap<string | number, CborValue>)].map(labelled));
  });
}

function labelled([key, value]: readonly [string | number, CborValue]): [string, unknown] {
  // An integer label that is not in the table is one of a later version: unknown, and ignored.
  const label = typeof key === 'string' ? key : (cborLabels.get(key) ?? `#${key}`);
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new ContractError('schema', `${label.slice(0, 40)} is not finite`);
  }
  if (value instanceof Uint8Array) return [label, Buffer.from(value).toString('base64url')];
  return [label, value instanceof Map ? {} : value];
}
