import type { KeyObject } from 'node:crypto';
import { z } from 'zod';
import { parseJson } from './alert.js';
import { ContractError } from './contract-error.js';
import { isSignedDocument, signDocument, signedDocumentSchema, type SignedDocument } from './signed-document.js';

/** The largest signed manifest. */
export const maxManifestBytes = 16 * 1024;

/** A version names a folder, so it holds nothing that a path or a shell could mistake. */
export const releaseVersionSchema = z.string().regex(/^[0-9A-Za-z](?:[0-9A-Za-z.+_-]{0,62}[0-9A-Za-z])?$/);
export const releaseArchs = ['arm64', 'armv7l', 'x64'] as const;
export type ReleaseArch = (typeof releaseArchs)[number];
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** One archive of a release, a `.tar.xz` that is unpacked as it is. Its address is its hash. */
export const releasePartSchema = z.strictObject({
  /** `app`: the agent, new with each release. `runtime`: Node, the same over many releases and so fetched seldom. */
  name: z.enum(['app', 'runtime']),
  bytes: z.int().positive(),
  sha256,
  /** What it takes on disk; room is made or refused before unpacking. */
  unpackedBytes: z.int().positive(),
});
export type ReleasePart = z.infer<typeof releasePartSchema>;

/** What an agent can run. One without a `runtime` runs on the Node of the system, of at least `nodeVersion`. */
export const releaseManifestSchema = z.strictObject({
  type: z.literal('fieldline-release'),
  format: z.literal(1),
  version: releaseVersionSchema,
  arch: z.enum(releaseArchs),
  builtUs: z.int().nonnegative(),
  nodeVersion: z.string().max(32),
  parts: z
    .array(releasePartSchema)
    .min(1)
    .max(2)
    .refine((parts) => parts.some(({ name }) => name === 'app'), 'has no app')
    .refine((parts) => new Set(parts.map(({ name }) => name)).size === parts.length, 'two parts of one name'),
});
export type ReleaseManifest = z.infer<typeof releaseManifestSchema>;

/** A signed manifest as it is kept in `release.json`, and announced. */
export const signedReleaseSchema = signedDocumentSchema(maxManifestBytes);
export type SignedRelease = SignedDocument;

export function signRelease(manifest: ReleaseManifest, privateKey: KeyObject): SignedRelease {
  return signDocument(JSON.stringify(releaseManifestSchema.parse(manifest)), privateKey);
}

/** Throws {@link ContractError} `not-json`, `schema`, or `wrong-identity` if the key did not sign it. */
export function readRelease(release: SignedRelease, publicKey: KeyObject): ReleaseManifest {
  const manifest = parseJson(Buffer.from(release.signed, 'utf8'), releaseManifestSchema, 'release');
  if (!isSignedDocument(release, publicKey)) {
    throw new ContractError('wrong-identity', `release ${manifest.version} is not signed by the pinned key`);
  }
  return manifest;
}

/**
 * What a device is to run: the retained message on `fieldline/<site>/<device>/release`; an empty one wants nothing. Each
 * part is below one of `sources`, under its sha256; they are tried in order.
 */
export const desiredReleaseSchema = z.strictObject({
  type: z.literal('fieldline-desired-release'),
  format: z.literal(1),
  release: signedReleaseSchema,
  sources: z
    .array(z.url({ protocol: /^https?$/ }))
    .min(1)
    .max(8),
  /** A new release goes back unless the gateway acknowledged data of it within this time. */
  trialMs: z
    .int()
    .min(10_000)
    .max(24 * 3_600_000),
  /** Says which rollout this is of, so that its reports are told from those before. */
  id: z.string().regex(/^[0-9a-z-]{1,40}$/),
});
export type DesiredRelease = z.infer<typeof desiredReleaseSchema>;

/** What became of the newest desired release: on the state topic, and in `device-events` under the kind `release-report`. */
export const releaseReportSchema = z.object({
  type: z.literal('release'),
  session: z.string().regex(/^[0-9a-f]{16}$/),
  /** Of the desired release; empty before the first. */
  id: z.string().max(40),
  /** What runs now, and what the report is about. */
  running: z.string().max(64),
  version: z.string().max(64),
  arch: z.enum(releaseArchs),
  /** `trying`: runs, and nothing of it was acknowledged yet. `confirmed`: it was. `rolled-back`: it was not, and the one before runs. */
  status: z.enum(['fetching', 'trying', 'confirmed', 'rolled-back', 'refused']),
  reason: z.string().max(1000).optional(),
  timeUs: z.int(),
});
export type ReleaseReport = z.infer<typeof releaseReportSchema>;
