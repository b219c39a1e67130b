import { z } from 'zod';
import { nameSchema } from '#core/contract/names.js';
import { releaseArchs, releaseVersionSchema } from '#core/contract/release.js';
import { firstBootFormats } from '../first-boot/first-boot.js';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** What a device will show, without what makes it believed. */
export const cardIdentitySchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('none') }),
  z.strictObject({ kind: z.literal('token') }),
  z.strictObject({ kind: z.literal('enrolment'), tokenId: z.string() }),
  z.strictObject({ kind: z.literal('certificate'), fingerprint256: z.string(), validTo: z.string() }),
]);
export type CardIdentity = z.infer<typeof cardIdentitySchema>;

/** One image that was written. */
export const cardRecordSchema = z.strictObject({
  site: nameSchema,
  device: nameSchema,
  hostname: z.string(),
  address: z.string().optional(),
  labels: z.record(z.string(), z.string()),
  identity: cardIdentitySchema,
  /** Beside the manifest. */
  file: z.string().min(1),
  bytes: z.int().positive(),
  /** Of the whole image, as `fsverity digest` tells it; a card has none. */
  fsverity: z
    .string()
    .regex(/^sha256:[0-9a-f]{64}$/)
    .optional(),
  /** Of the whole image, if it was asked for. */
  sha256: sha256.optional(),
  /** Of what was written into it, without the hash of any that holds a secret: a hash of a weak one tells it. */
  files: z.array(z.strictObject({ path: z.string(), bytes: z.int().nonnegative(), sha256: sha256.optional() })),
});
export type CardRecord = z.infer<typeof cardRecordSchema>;

/** What a batch made. It holds no secret, and is of use to whoever adopts the devices. */
export const cardManifestSchema = z.strictObject({
  type: z.literal('fieldline-cards'),
  format: z.literal(1),
  image: z.strictObject({ file: z.string(), sha256 }),
  release: z.strictObject({ version: releaseVersionSchema, arch: z.enum(releaseArchs), appSha256: sha256 }),
  firstBoot: z.enum(firstBootFormats),
  cards: z.array(cardRecordSchema),
});
export type CardManifest = z.infer<typeof cardManifestSchema>;

/** Undefined for what is none. */
export function readCardManifest(text: string): CardManifest | undefined {
  try {
    return cardManifestSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** The same cards give the same bytes. */
export function writeCardManifest(manifest: CardManifest): string {
  return `${JSON.stringify(cardManifestSchema.parse(manifest), null, 2)}\n`;
}
