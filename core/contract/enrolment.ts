import { z } from 'zod';

/**
 * First contact, over TLS. A device shows an enrolment token in place of a password and may then do one thing: publish a
 * request on `fieldline/<site>/<device>/enrol` and read the answer on `…/enrolled`. One that has a certificate renews it
 * on the same topics.
 */
export const maxEnrolmentBytes = 16 * 1024;

/** `fle_<id>_<256 random bits in base64url>`: one use, expires. */
const tokenPattern = /^fle_([0-9a-f]{12})_[A-Za-z0-9_-]{43}$/;

export function enrolmentTokenOf(id: string, secret: Uint8Array): string {
  return `fle_${id}_${Buffer.from(secret).toString('base64url')}`;
}

/** The id of an enrolment token; undefined for anything else. */
export function enrolmentTokenId(token: string): string | undefined {
  return tokenPattern.exec(token)?.[1];
}

export const enrolmentRequestSchema = z.strictObject({
  type: z.literal('enrol'),
  /** PKCS #10, PEM. Its key was made on the device and stays there. Asked again with the same key, the answer is the same. */
  csr: z.string().max(8192),
});
export type EnrolmentRequest = z.infer<typeof enrolmentRequestSchema>;

export const enrolmentAnswerSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('enrolled'),
    /** The SHA-256 of the request's public key (SPKI, DER) in hex: whose answer it is. */
    spki: z.string().regex(/^[0-9a-f]{64}$/),
    /** PEM: the device's certificate, then those between it and the authority. */
    certificate: z.string().max(8192),
  }),
  z.strictObject({ type: z.literal('refused'), reason: z.string().max(500), mayRetry: z.boolean() }),
]);
export type EnrolmentAnswer = z.infer<typeof enrolmentAnswerSchema>;
