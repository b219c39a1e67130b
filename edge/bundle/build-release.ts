import { createPublicKey } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { releaseFiles } from '#core/contract/release-files.js';
import { releaseManifestSchema, signRelease, type ReleaseManifest } from '#core/contract/release.js';
import { systemClock } from '#core/runtime/clock.js';
import { FatalError, messageOf } from '#core/runtime/errors.js';
import { appFiles, bundleAgent, type BundledAgent } from './app.js';
import { tarOf, unpackedBytes, type PartFile } from './archive.js';
import { checkoutRoot, packageJson } from './checkout.js';
import { cacheFolders, minimumNode, nodeRuntime, pinnedRuntimes, type RuntimePart } from './node-runtime.js';
import { packed } from './packed.js';
import { hashOf, openReleaseFile, writeRelease } from './release-folder.js';
import type { ReleaseFor, ReleaseOnDisk, ReleaseWanted } from './release.js';

/**
 * Builds a release for one board into a folder of releases. The parts are the same for the same sources, packages and Node,
 * wherever and whenever they are built; the manifest too, if `builtUs` is. One that is in the folder with the same parts
 * stays, with its time.
 */
export const buildRelease: ReleaseFor = async (wanted) => {
  // First what may be missing.
  const runtime = await nodeRuntime(wanted);
  wanted.progress?.('bundling the agent', 0.5);
  return releaseOf(await bundleAgent(checkoutRoot()), runtime, wanted);
};

/** The same of an agent that was bundled before, which takes most of the time. */
export async function releaseOf(
  agent: BundledAgent,
  runtime: RuntimePart | undefined,
  wanted: ReleaseWanted,
): Promise<ReleaseOnDisk> {
  const { arch, progress, privateKey, releases } = wanted;
  const files = await appFiles(agent, arch, runtime?.facts);
  progress?.('packing the agent', 0.7);
  const { archives: kept } = cacheFolders(wanted.cache);
  const app = { bytes: await packed(await tarOf(files), kept, progress), unpackedBytes: unpackedBytes(files) };
  const archives = runtime ? { app, runtime } : { app };
  // Parsed, so that its keys have the order that a signed one has.
  const manifest = releaseManifestSchema.parse({
    ...{ type: 'fieldline-release', format: 1, arch },
    version: wanted.version ?? defaultVersion(agent, files),
    builtUs: wanted.builtUs ?? systemClock.nowUs(),
    nodeVersion: runtime?.facts.nodeVersion ?? minimumNode,
    parts: Object.entries(archives).map(([name, { bytes, unpackedBytes: room }]) => ({
      ...{ name: name as 'app' | 'runtime', bytes: bytes.length, sha256: hashOf(bytes), unpackedBytes: room },
    })),
  } satisfies ReleaseManifest);
  progress?.(`writing ${join(releases, releaseFiles.manifest(manifest))}`, 0.95);
  const there = await sameRelease(manifest, wanted);
  const bytes = new Map(Object.values(archives).map((archive) => [hashOf(archive.bytes), archive.bytes]));
  return writeRelease(
    releases,
    there?.release ?? signRelease(manifest, privateKey),
    there?.manifest ?? manifest,
    bytes,
  );
}

/** The same for all boards: the version of the checkout, and a hash of what makes the agent. */
function defaultVersion(agent: BundledAgent, files: readonly PartFile[]): string {
  const assets = files.filter(({ path }) => path.endsWith('.sh')).map(({ path, bytes }) => [path, hashOf(bytes)]);
  const packages = agent.packages.map(({ name, version }) => [name, version]);
  const all = JSON.stringify([hashOf(agent.code), assets, packages, pinnedRuntimes]);
  return `${packageJson(agent.root)?.version}+${hashOf(Buffer.from(all)).slice(0, 8)}`;
}

/**
 * What is in the folder, signed by this key, if it differs in its time only. Throws FatalError `bad-config` if
 * it has other parts: a version that is out there must not come to mean something else.
 */
async function sameRelease(manifest: ReleaseManifest, wanted: ReleaseWanted): Promise<ReleaseOnDisk | undefined> {
  const file = join(wanted.releases, releaseFiles.manifest(manifest));
  if (!existsSync(file)) return undefined;
  const { version, arch } = manifest;
  const there = await openReleaseFile(wanted.releases, file, createPublicKey(wanted.privateKey)).catch((cause) => {
    const next = 'take the key it was signed with, or another folder';
    throw new FatalError('bad-config', `${file} cannot be taken over: ${messageOf(cause)}; ${next}`, { cause });
  });
  if (JSON.stringify({ ...there.manifest, builtUs: 0 }) !== JSON.stringify({ ...manifest, builtUs: 0 })) {
    const next = `give it another --version, or delete ${file} if no device ever got it`;
    throw new FatalError('bad-config', `release ${version} for ${arch} is there already, with other parts; ${next}`);
  }
  return there;
}
