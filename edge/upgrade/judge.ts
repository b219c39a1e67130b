import { parseJson } from '#core/contract/alert.js';
import { ContractError } from '#core/contract/contract-error.js';
import {
  desiredReleaseSchema,
  maxManifestBytes,
  type DesiredRelease,
  type ReleaseManifest,
  type SignedRelease,
} from '#core/contract/release.js';
import { RejectedError } from '#core/runtime/errors.js';
import { compareVersions } from './compare-versions.js';
import type { ReleaseOutcome } from './upgrade-state.js';

/** The release that this program is of. */
export interface RunningRelease {
  readonly signed: string;
  readonly manifest: ReleaseManifest;
}

/** The manifest stands in it as JSON in JSON, beside a few addresses. */
const maxDesiredBytes = 8 * maxManifestBytes;

/** A message of the release topic; an error for one that cannot be read. */
export function readDesired(payload: Uint8Array): DesiredRelease | ContractError {
  try {
    if (payload.byteLength > maxDesiredBytes)
      throw new ContractError('too-large', `a desired release of ${payload.byteLength} bytes`);
    return parseJson(payload, desiredReleaseSchema, 'desired release');
  } catch (error) {
    if (error instanceof ContractError) return error;
    throw error;
  }
}

export interface Wish {
  readonly desired: DesiredRelease;
  /** Its signature has been checked. */
  readonly manifest: ReleaseManifest;
  readonly running: RunningRelease;
  readonly settled: readonly ReleaseOutcome[];
  readonly allowOlder: boolean;
}

/**
 * The outcome that is known already: it runs, or it was tried under this announcement and went wrong. Undefined if it is to
 * be fetched. Throws RejectedError `refused`.
 */
export function judge({ desired, manifest, running, settled, allowOlder }: Wish): ReleaseOutcome | undefined {
  const { id } = desired;
  const { version, arch } = manifest;
  if (arch !== running.manifest.arch) refuse(`it is for ${arch}, and this is ${running.manifest.arch}`);
  if (desired.release.signed === running.signed) return { id, version, status: 'confirmed' };
  const order = compareVersions(version, running.manifest.version);
  if (version === running.manifest.version)
    refuse('another release of this version runs: give the new one another version');
  const before = settled.find((one) => one.id === id && one.version === version);
  if (before && before.status !== 'confirmed') return before;
  if (order < 0 && !allowOlder)
    refuse(`it is older than ${running.manifest.version}, and edge.upgrade.allowOlder is off`);
  if (order <= 0 && settled.some((one) => one.id === id)) {
    refuse(`it is no newer than ${running.manifest.version}: announce it anew to go back`);
  }
  return undefined;
}

function refuse(reason: string): never {
  throw new RejectedError('refused', reason);
}

/** Of a manifest that nobody has signed. */
export function versionOf({ signed }: SignedRelease): string {
  try {
    const { version } = JSON.parse(signed) as { version?: unknown };
    return typeof version === 'string' ? version.slice(0, 64) : '';
  } catch {
    return '';
  }
}
