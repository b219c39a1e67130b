import { createHmac, timingSafeEqual } from 'node:crypto';

/**
 * What an operator shows to say something to devices: base64url of HMAC-SHA256(secret, `fieldline-operator`). Whoever
 * holds the device secret can issue it; no device's token is it, for a device's name has a slash.
 */
export function operatorToken(secret: Uint8Array): string {
  return createHmac('sha256', secret).update('fieldline-operator').digest('base64url');
}

/** Whether an `Authorization` header is `Bearer <operator token>`; takes the same time wherever they differ. */
export function isOperator(secret: Uint8Array, authorization: string | undefined): boolean {
  const expected = Buffer.from(`Bearer ${operatorToken(secret)}`);
  const given = Buffer.from(authorization ?? '');
  return given.byteLength === expected.byteLength && timingSafeEqual(expected, given);
}
