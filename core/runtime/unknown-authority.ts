import { systemCode } from './errors.js';

const codes = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** Whether a connection with TLS failed because nobody whom we believe signed the certificate of the other side. */
export function isUnknownAuthority(error: unknown): boolean {
  return codes.has(systemCode(error) ?? '');
}
