import { z } from 'zod';
import { isName } from './names.js';

/** What one scrypt may cost at most: a record from elsewhere must not stop a gateway. RFC 7914: memory is 128 · N · r. */
const maxScryptBytes = 16 * 1024 * 1024;
const base64url = (bytes: number) => z.string().regex(new RegExp(`^[A-Za-z0-9_-]{${Math.ceil((bytes * 8) / 6)}}$`));

/** RFC 7914: `N` is the cost, a power of two; `r` the size of a block; `p` how many there are. */
export const scryptSchema = z
  .object({
    N: z
      .int()
      .min(1024)
      .max(65_536)
      .refine((n) => (n & (n - 1)) === 0, 'not a power of two'),
    r: z.int().min(1).max(16),
    p: z.int().min(1).max(4),
    salt: base64url(16),
    hash: base64url(32),
  })
  .refine(({ N, r }) => 128 * N * r <= maxScryptBytes, 'takes too much memory');
export type ScryptHash = z.infer<typeof scryptSchema>;

/** 48 random bits in hex: which of the tokens of a device or client it is. Not a secret. */
const tokenIdPattern = /^[0-9a-f]{12}$/;
/** A certificate by the SHA-256 of its bytes, in hex. */
const fingerprintPattern = /^[0-9a-f]{64}$/;
/** The id of the record that revokes whatever was made until then. */
export const wholeId = 'all';

const label = z.string().max(200).optional();
const sha256 = z.string().regex(fingerprintPattern);

/** The one certificate that an enrolment token gave. Its holder may speak; nothing else is revoked before it has. */
const boundSchema = z.object({
  /** When it was made; it counts as made after whatever was revoked before. */
  us: z.int(),
  /** The SHA-256 of the only public key (SPKI, DER) that may use the token. */
  spki: sha256,
  fingerprint: sha256,
  serial: z.string().max(64),
  expiresUs: z.int(),
  /** PEM, as it was answered. */
  pem: z.string().max(8192),
});

/**
 * What a device or client may show to speak, or may show no longer; the value of a record of kind `credential`. The
 * record's id is the token's, the fingerprint of the certificate, or `all`.
 */
export const credentialSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('token'), scrypt: scryptSchema, createdUs: z.int(), label }),
  /** A certificate is good if an authority of the gateway signed it; this record says that it is known, and no more. */
  z.object({
    type: z.literal('certificate'),
    serial: z.string().max(64),
    expiresUs: z.int(),
    createdUs: z.int(),
    label,
    /** Of one that was renewed, until it has spoken: the certificate that it takes the place of, and what was answered. */
    renewal: z.object({ replaces: sha256, spki: sha256, pem: z.string().max(8192) }).optional(),
  }),
  /**
   * A token that is good for one certificate. What was once said in `bound`, `usedUs` or `revokedUs` stays, whatever later
   * records say: of two gateways that bind it at once, the record that the log took first counts.
   */
  z.object({
    type: z.literal('enrolment'),
    scrypt: scryptSchema,
    createdUs: z.int(),
    expiresUs: z.int(),
    label,
    bound: boundSchema.optional(),
    /** When its certificate had spoken. */
    usedUs: z.int().optional(),
    revokedUs: z.int().optional(),
  }),
  /** With the id `all`: every token, certificate and derived token made until `revokedUs`. */
  z.object({ type: z.literal('revoked'), revokedUs: z.int() }),
]);
export type Credential = z.infer<typeof credentialSchema>;
export type TokenCredential = Extract<Credential, { type: 'token' }>;
export type CertificateCredential = Extract<Credential, { type: 'certificate' }>;
export type EnrolmentCredential = Extract<Credential, { type: 'enrolment' }>;

/** Where the site stands in the key of a client's record: no site has this name. */
const clients = '_clients';

/** Whether a record of `device-events` is of a client, and so of no device. */
export function isClientKey(key: string): boolean {
  return key.startsWith(`${clients}/`);
}

/** The key of a record of kind `credential`; `owner` is `<site>/<device>` or the name of a client. */
export function credentialKey(owner: string, id: string): string {
  return `${owner.includes('/') ? owner : `${clients}/${owner}`}/credential/${id}`;
}

/** Reverses {@link credentialKey}; undefined for the key of anything else. */
export function parseCredentialKey(key: string): { owner: string; id: string } | undefined {
  const [first, second, kind, id, ...rest] = key.split('/');
  if (kind !== 'credential' || !isCredentialId(id) || rest.length > 0 || !isName(second)) return undefined;
  if (first === clients) return { owner: second, id };
  return isName(first) ? { owner: `${first}/${second}`, id } : undefined;
}

export function isCredentialId(id: string | undefined): id is string {
  return id === wholeId || tokenIdPattern.test(id ?? '') || fingerprintPattern.test(id ?? '');
}

export function isTokenId(id: string): boolean {
  return tokenIdPattern.test(id);
}

/** `flt_<id>_<256 random bits in base64url>`: the prefix lets scanners of source code find a token that leaked. */
const tokenPattern = /^flt_([0-9a-f]{12})_[A-Za-z0-9_-]{43}$/;

export function tokenOf(id: string, secret: Uint8Array): string {
  return `flt_${id}_${Buffer.from(secret).toString('base64url')}`;
}

/** The id of an issued token; undefined for anything else. */
export function tokenId(token: string): string | undefined {
  return tokenPattern.exec(token)?.[1];
}
