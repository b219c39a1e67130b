import { createHash, type KeyObject } from 'node:crypto';
import { parseJson } from '#core/contract/alert.js';
import { ContractError } from '#core/contract/contract-error.js';
import { enrolmentRequestSchema, maxEnrolmentBytes } from '#core/contract/enrolment.js';
import { messageOf } from '#core/runtime/errors.js';

/** What a device asks for: nothing of its request counts but the key, which its holder proved to have. */
export interface KeyToSign {
  readonly publicKey: KeyObject;
  /** SHA-256 of the key (SPKI, DER), in hex. */
  readonly spki: string;
}

/** Throws ContractError with a sentence for the device. */
export async function readEnrolmentRequest(payload: Uint8Array): Promise<KeyToSign> {
  if (payload.byteLength > maxEnrolmentBytes) {
    throw new ContractError('too-large', `the request has more than ${maxEnrolmentBytes} bytes`);
  }
  const { csr } = parseJson(payload, enrolmentRequestSchema, 'enrolment');
  const { readRequestKey } = await import('../identity/authority/request.js');
  try {
    const publicKey = await readRequestKey(csr);
    return { publicKey, spki: spkiOf(publicKey) };
  } catch (cause) {
    throw new ContractError('schema', messageOf(cause), { cause });
  }
}

export function spkiOf(key: KeyObject): string {
  return createHash('sha256')
    .update(key.export({ format: 'der', type: 'spki' }))
    .digest('hex');
}
