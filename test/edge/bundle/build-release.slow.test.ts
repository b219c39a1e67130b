import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ContractError } from '../../../core/contract/contract-error.js';
import { releaseFiles } from '../../../core/contract/release-files.js';
import { RejectedError } from '../../../core/runtime/errors.js';
import { bundleAgent, type BundledAgent } from '../../../edge/bundle/app.js';
import { buildRelease, releaseOf } from '../../../edge/bundle/build-release.js';
import { checkoutRoot } from '../../../edge/bundle/checkout.js';
import { elfArch } from '../../../edge/bundle/elf.js';
import { nodeRuntime } from '../../../edge/bundle/node-runtime.js';
import { hashOf, openRelease, partFaults, readParts } from '../../../edge/bundle/release-folder.js';
import type { ReleaseOnDisk, ReleaseWanted } from '../../../edge/bundle/release.js';
import { tempDir } from '../../support/temp-dir.js';
import { smallNode } from './small-node.js';
import { unpackPart } from './unpack-part.js';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const builtUs = 1_795_000_000_000_000;
let agent: BundledAgent;
let cache: string;

beforeAll(async () => {
  agent = await bundleAgent(checkoutRoot());
  cache = await mkdtemp(join(tmpdir(), 'fieldline-cache-'));
});
afterAll(() => rm(cache, { recursive: true, force: true }));

/** In a folder of its own, with a small Node. */
async function wantedRelease(over: Partial<ReleaseWanted> = {}): Promise<ReleaseWanted> {
  const folder = await tempDir();
  const node = join(folder, 'node');
  await writeFile(node, smallNode(over.arch ?? 'arm64'));
  const places = { releases: join(folder, 'releases'), cache, nodeRuntime: node };
  return { arch: 'arm64', privateKey, version: '1.4.0', builtUs, ...places, ...over };
}

/** Of the agent that is bundled once for all of them. */
async function build(over: Partial<ReleaseWanted> = {}): Promise<ReleaseOnDisk> {
  const wanted = await wantedRelease(over);
  return releaseOf(agent, await nodeRuntime(wanted), wanted);
}

const folderOf = ({ file }: ReleaseOnDisk): string => join(file, '..');

async function unpacked(release: ReleaseOnDisk, name: 'app' | 'runtime'): Promise<string> {
  const folder = await tempDir();
  const { sha256 } = release.manifest.parts.find((part) => part.name === name)!;
  await unpackPart(release.parts.get(sha256)!, folder);
  return folder;
}

async function contents(folder: string): Promise<Map<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const hashed = files.map(async (file) => [file.slice(folder.length + 1), hashOf(await readFile(file))] as const);
  return new Map((await Promise.all(hashed)).sort());
}

interface Sbom {
  readonly bomFormat: string;
  readonly specVersion: string;
  readonly metadata: { readonly component: { readonly hashes: readonly { content: string }[] } };
  readonly components: readonly {
    readonly name: string;
    readonly version: string;
    readonly purl: string;
    readonly licenses: readonly object[];
    readonly hashes?: readonly { content: string }[];
  }[];
}

describe('a release', () => {
  it('is a signed manifest, and its parts under their hashes', async () => {
    const release = await build();
    const { manifest } = release;
    const [app, runtime] = manifest.parts;
    expect([...(await contents(folderOf(release))).keys()]).toEqual(
      ['1.4.0-arm64.json', `parts/${app!.sha256}`, `parts/${runtime!.sha256}`].sort(),
    );
    expect(await contents(join(folderOf(release), releaseFiles.parts))).toEqual(
      new Map([app!, runtime!].map(({ sha256 }) => [sha256, sha256] as const).sort()),
    );
    expect(manifest).toMatchObject({ version: '1.4.0', arch: 'arm64', nodeVersion: '22.11.0', builtUs });
    const opened = await openRelease(folderOf(release), manifest, publicKey);
    expect([opened.manifest, await partFaults(opened)]).toEqual([manifest, []]);
    expect([...(await readParts(opened)).keys()]).toEqual([app!.sha256, runtime!.sha256]);
  });

  it('has the same bytes wherever it is built', async () => {
    const [a, b] = [await build(), await buildRelease(await wantedRelease({ cache: await tempDir() }))];
    expect(folderOf(a)).not.toBe(folderOf(b));
    expect(await contents(folderOf(a))).toEqual(await contents(folderOf(b)));
  });

  it('is called after what is in it, on every board alike', async () => {
    const system = { version: undefined, nodeRuntime: 'system' };
    const [a, b] = [await build(system), await build({ ...system, arch: 'armv7l' })];
    expect(a.manifest.version).toMatch(/^0\.1\.0\+[0-9a-f]{8}$/);
    expect(b.manifest.version).toBe(a.manifest.version);
    expect(b.manifest.parts.map(({ name }) => name)).toEqual(['app']);
    expect(b.manifest.nodeVersion).toBe('20.11.0');
  });

  it('stays as it is when it is built again, and a damaged part is mended', async () => {
    const first = await build();
    const before = await contents(folderOf(first));
    await writeFile([...first.parts.values()][0]!, 'damaged');
    const again = await build({ releases: folderOf(first), builtUs: builtUs + 1 });
    expect(again.release).toEqual(first.release);
    expect(await contents(folderOf(first))).toEqual(before);
  });

  it('never comes to mean something else under the same version', async () => {
    const { file } = await build();
    await expect(build({ releases: join(file, '..'), nodeRuntime: 'system' })).rejects.toThrow(
      /1\.4\.0 for arm64 is there already, with other parts; give it another --version/,
    );
  });
});

describe('what is in a release', () => {
  it('is the agent, what it needs, and a list of it all', async () => {
    const release = await build({ arch: 'armv7l' });
    const [app, runtime] = [await unpacked(release, 'app'), await unpacked(release, 'runtime')];
    expect([...(await contents(app)).keys()]).toEqual([
      ...['LICENSE', 'THIRD-PARTY-LICENSES', 'agent.mjs', 'guard.sh'],
      ...['prebuilds/classic-level.node', 'prebuilds/serialport+bindings-cpp.node', 'sbom.json'],
    ]);
    expect([...(await contents(runtime)).keys()]).toEqual(['bin/node']);
    for (const name of ['classic-level', 'serialport+bindings-cpp']) {
      expect(elfArch(await readFile(join(app, `prebuilds/${name}.node`)))).toBe('armv7l');
    }
    expect((await stat(join(app, 'guard.sh'))).mode & 0o111).not.toBe(0);
    await checkSbom(app, await readFile(join(runtime, 'bin/node')));
    for (const file of (await contents(app)).keys()) {
      expect((await readFile(join(app, file))).includes(checkoutRoot()), `${file} names this machine`).toBe(false);
    }
  });

  async function checkSbom(app: string, node: Buffer): Promise<void> {
    const sbom = JSON.parse(await readFile(join(app, 'sbom.json'), 'utf8')) as Sbom;
    expect(sbom).toMatchObject({ bomFormat: 'CycloneDX', specVersion: '1.5' });
    expect(sbom.metadata.component.hashes[0]!.content).toBe(hashOf(await readFile(join(app, 'agent.mjs'))));
    const names = sbom.components.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['mqtt', 'zod', 'classic-level', '@serialport/bindings-cpp', 'pino']));
    // What only the other parts import would be dead weight on a board.
    for (const name of ['@duckdb/node-api', 'aedes', 'kafkajs', 'esbuild', 'js-fatfs', 'commander', 'hono']) {
      expect(names).not.toContain(name);
    }
    for (const { name, version, licenses, hashes, purl } of sbom.components) {
      expect([name, licenses.length, hashes?.length]).toEqual([name, 1, 1]);
      expect(purl.endsWith(`@${version}`), purl).toBe(true);
    }
    const notices = await readFile(join(app, 'THIRD-PARTY-LICENSES'), 'utf8');
    for (const name of names.filter((known) => known !== 'node')) expect(notices).toContain(`\n${name} `);
    expect(sbom.components.find(({ name }) => name === 'node')!.hashes![0]!.content).toBe(hashOf(node));
  }
});

describe('a release that is not the one that was signed', () => {
  it('is refused if a byte of its manifest changed, or another key signed it', async () => {
    const { file, manifest } = await build({ nodeRuntime: 'system' });
    const text = await readFile(file, 'utf8');
    const other = generateKeyPairSync('ed25519').publicKey;
    await expect(openRelease(join(file, '..'), manifest, other)).rejects.toThrow(/not signed by the pinned key/);
    for (const at of [40, text.length >> 1, text.length - 20]) {
      const changed = `${text.slice(0, at)}${text[at] === 'a' ? 'b' : 'a'}${text.slice(at + 1)}`;
      await writeFile(file, changed);
      await expect(openRelease(join(file, '..'), manifest, publicKey), changed).rejects.toThrow(ContractError);
    }
  });

  it('is refused if a part is damaged, cut off or gone', async () => {
    const release = await build({ nodeRuntime: 'system' });
    const [file] = [...release.parts.values()];
    const bytes = await readFile(file!);
    const flipped = Buffer.from(bytes);
    flipped[1000]! ^= 1;
    const faults = { 'its hash is another': flipped, 'bytes, not': bytes.subarray(1), 'has 0 bytes': Buffer.alloc(0) };
    for (const [fault, content] of Object.entries(faults)) {
      await writeFile(file!, content);
      await expect(readParts(release)).rejects.toThrow(fault);
      await expect(readParts(release)).rejects.toThrow(RejectedError);
    }
    await rm(file!);
    expect(await partFaults(release)).toEqual([`app: there is no ${file}`]);
  });
});
