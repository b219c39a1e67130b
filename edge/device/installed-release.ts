import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { parseJson } from '#core/contract/alert.js';
import {
  maxManifestBytes,
  releaseManifestSchema,
  signedReleaseSchema,
  type ReleaseManifest,
} from '#core/contract/release.js';

/** What runs here. `manifest` is undefined where the program was not installed from a release. */
export interface InstalledRelease {
  readonly version: string;
  readonly manifest: ReleaseManifest | undefined;
}

/**
 * Reads `release.json` beside the program. The signature is not looked at: who may write this file may write the program
 * too. Where there is none, or one that cannot be read, the version is `unknown`.
 */
export function installedRelease(program: URL | string = import.meta.url): InstalledRelease {
  try {
    const text = readFileSync(new URL('release.json', program));
    const { signed } = parseJson(text.subarray(0, 4 * maxManifestBytes), signedReleaseSchema, 'release');
    const manifest = parseJson(Buffer.from(signed), z.looseObject(releaseManifestSchema.shape), 'release');
    return { version: manifest.version, manifest };
  } catch {
    return { version: 'unknown', manifest: undefined };
  }
}
