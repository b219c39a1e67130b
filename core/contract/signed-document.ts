import { sign, verify, type KeyObject } from 'node:crypto';
import { z } from 'zod';

/** What travels: the signed JSON as a text, so that its bytes stay what they were, and its ed25519 signature in base64. */
export function signedDocumentSchema(maxBytes: number) {
  return z.strictObject({
    signed: z.string().max(maxBytes),
    signature: z.string().regex(/^[A-Za-z0-9+/]{86}==$/, 'not an ed25519 signature in base64'),
  });
}
export type SignedDocument = z.infer<ReturnType<typeof signedDocumentSchema>>;

/** `signed` is kept byte for byte. */
export function signDocument(signed: string, privateKey: KeyObject): SignedDocument {
  return { signed, signature: sign(null, Buffer.from(signed, 'utf8'), privateKey).toString('base64') };
}

export function isSignedDocument({ signed, signature }: SignedDocument, publicKey: KeyObject): boolean {
  return verify(null, Buffer.from(signed, 'utf8'), publicKey, Buffer.from(signature, 'base64'));
}
