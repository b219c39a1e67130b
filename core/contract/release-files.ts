import type { ReleaseArch, ReleaseManifest } from './release.js';

/**
 * Where a folder of releases keeps what: the signed manifests as `<version>-<arch>.json`, and the parts of all of them as
 * `parts/<sha256>`, so that what two releases share is there once. Paths are relative and have `/`.
 */
export const releaseFiles = {
  parts: 'parts',
  part: (sha256: string): string => `parts/${sha256}`,
  manifest: ({ version, arch }: Pick<ReleaseManifest, 'version' | 'arch'>): string => `${version}-${arch}.json`,
} as const;

/** What `uname -m` says of the machines that a release is for. */
export const archOfMachine: Readonly<Record<string, ReleaseArch>> = {
  aarch64: 'arm64',
  armv7l: 'armv7l',
  armv8l: 'armv7l',
  x86_64: 'x64',
};
