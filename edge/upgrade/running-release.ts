import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseJson } from '#core/contract/alert.js';
import { releaseManifestSchema, signedReleaseSchema } from '#core/contract/release.js';
import type { RunningRelease } from './judge.js';
import { releaseFileName, type InstalledPaths } from './layout.js';

/**
 * What `current` leads to: only the guard changes that, and never while the agent runs. The signature is not looked at:
 * who may write there may write the program too.
 */
export async function readRunning({ current }: InstalledPaths): Promise<RunningRelease | undefined> {
  try {
    const { signed } = parseJson(await readFile(join(current, releaseFileName)), signedReleaseSchema, 'release');
    return { signed, manifest: parseJson(Buffer.from(signed), releaseManifestSchema, 'release') };
  } catch {
    return undefined;
  }
}
