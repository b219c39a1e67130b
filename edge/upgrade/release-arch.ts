import type { ReleaseArch } from '#core/contract/release.js';

const archs: Readonly<Partial<Record<NodeJS.Architecture, ReleaseArch>>> = {
  arm64: 'arm64',
  arm: 'armv7l',
  x64: 'x64',
};

/** What releases call the machine that this program runs on; undefined for one that none is made for. */
export function releaseArchOf(arch: NodeJS.Architecture): ReleaseArch | undefined {
  return archs[arch];
}
