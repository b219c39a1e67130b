import { xz } from '@napi-rs/lzma';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { pack } from 'tar-stream';
import { signRelease, type ReleaseArch, type SignedRelease } from '#core/contract/release.js';
import type { InstallSetup } from '../../edge/install/install-files.js';

export interface SmallRelease {
  readonly version?: string;
  readonly arch?: ReleaseArch;
  /** Default: a shell script that says `v22.11.0`; none: the system's Node. */
  readonly runtime?: boolean;
  readonly nodeVersion?: string;
  /** What the program says. */
  readonly agent?: string;
}

const edgeYaml = 'edge:\n  site: plant1\n  device: pi-07\n';

/** A release of a few hundred bytes that installs and runs on this machine. */
export async function smallRelease(of: SmallRelease = {}): Promise<InstallSetup> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const node = Buffer.from('#!/bin/sh\nif [ "$1" = --version ]; then echo v22.11.0; else echo "$@"; fi\n');
  const app = await archive({
    'agent.mjs': [Buffer.from(of.agent ?? 'one\n'), 0o644],
    'guard.sh': [Buffer.from('#!/bin/sh\nexit 0\n'), 0o644],
    'prebuilds/a.node': [Buffer.alloc(100), 0o644],
  });
  const runtime = await archive({ 'bin/node': [node, 0o755], LICENSE: [Buffer.from('MIT\n'), 0o644] });
  const archives = of.runtime === false ? [app] : [app, runtime];
  const parts = archives.map((bytes, index) => ({
    name: index === 0 ? ('app' as const) : ('runtime' as const),
    bytes: bytes.length,
    sha256: hashOf(bytes),
    unpackedBytes: 4096,
  }));
  const release: SignedRelease = signRelease(
    {
      ...{ type: 'fieldline-release', format: 1, version: of.version ?? '1.0.0', arch: of.arch ?? thisArch() },
      ...{ builtUs: 1_700_000_000_000_000, nodeVersion: of.nodeVersion ?? '20.0.0', parts },
    },
    privateKey,
  );
  return {
    release,
    parts: new Map(archives.map((bytes) => [hashOf(bytes), bytes])),
    releaseKey: String(publicKey.export({ type: 'spki', format: 'pem' })),
    edgeYaml,
  };
}

/** Of this machine, as a release calls it. */
export function thisArch(): ReleaseArch {
  return process.arch === 'arm64' ? 'arm64' : process.arch === 'arm' ? 'armv7l' : 'x64';
}

async function archive(files: Readonly<Record<string, [bytes: Buffer, mode: number]>>): Promise<Uint8Array> {
  const tar = pack();
  for (const [name, [bytes, mode]] of Object.entries(files)) tar.entry({ name, mode, mtime: new Date(0) }, bytes);
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  return xz.compress(Buffer.concat(chunks));
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
