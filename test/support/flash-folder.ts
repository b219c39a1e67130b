import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { Command } from 'commander';
import { releaseFiles } from '#core/contract/release-files.js';
import { releaseManifestSchema, type SignedRelease } from '#core/contract/release.js';
import { addFlash } from '../../cli/commands/flash.js';
import { explain } from '../../cli/fail.js';
import { initAuthority, showAuthority } from '../../cli/device-certificates.js';
import { makeCardImage, piFiles, type CardSpec } from './card-image.js';
import { smallRelease } from './installable-release.js';

/** A folder of somebody who is about to make cards: image, authority, release and its public key, a token, a key for ssh. */
export interface FlashFolder {
  readonly path: string;
  /** Options that every card needs; with the folder's paths. */
  readonly words: readonly string[];
  file(name: string): string;
  names(): Promise<string[]>;
}

export const deviceSecret = 'a-token-of-a-device-0123456789';
export const wifiPassword = 'correct horse battery';

/** The boot partition of Raspberry Pi OS (Trixie) in small. */
export const trixie: CardSpec = {
  rootMiB: 3,
  files: [
    ...piFiles,
    { path: 'kernel8.img', bytes: Buffer.alloc(200_000, 'kernel') },
    { path: 'overlays/w1-gpio.dtbo', bytes: Buffer.from('overlay') },
    { path: 'user-data', bytes: Buffer.from('#cloud-config\n') },
    { path: 'meta-data', bytes: Buffer.from('instance-id: rpios-image\n') },
    { path: 'network-config', bytes: Buffer.from('# none\n') },
  ],
};

export async function makeFlashFolder(path: string, spec: CardSpec = trixie): Promise<FlashFolder> {
  const file = (name: string) => join(path, name);
  await mkdir(path, { recursive: true });
  await makeCardImage(file('base.img'), spec);
  await writeFile(file('base.img.gz'), gzipSync(await readFile(file('base.img')), { level: 1 }));
  await initAuthority(file('authority'), 'Plant', 100);
  await writeFile(file('ca.pem'), await showAuthority(file('authority')));
  const { release, parts, releaseKey } = await smallRelease({ arch: 'arm64' });
  await layRelease(file('releases'), release, parts);
  await writeFile(file('release-key.pub.pem'), releaseKey);
  await writeFile(file('pi.token'), `${deviceSecret}\n`);
  await writeFile(file('wifi.txt'), `${wifiPassword}\n`);
  await writeFile(file('id.pub'), 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ2P me@desk\n');
  return flashFolderAt(path);
}

/** One like it, which takes less; its `base.img` is that of the other, and only to be read. */
export async function likeFlashFolder(made: FlashFolder, path: string): Promise<FlashFolder> {
  const isImage = (file: string) => file === made.file('base.img');
  await cp(made.path, path, { recursive: true, filter: (file) => !isImage(file) });
  await symlink(made.file('base.img'), join(path, 'base.img'));
  return flashFolderAt(path);
}

function flashFolderAt(path: string): FlashFolder {
  const file = (name: string) => join(path, name);
  const words = [
    ...['--image', file('base.img.gz'), '--site', 'plant1', '--gateway', 'mqtts://gw.example:8883'],
    ...['--ca', file('ca.pem'), '--release', file('releases/1.0.0'), '--release-key', file('release-key.pub.pem')],
  ];
  return { path, words, file, names: async () => (await readdir(path)).sort() };
}

/** A folder of releases with this one in it. */
export async function layRelease(
  folder: string,
  release: SignedRelease,
  parts: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  const manifest = releaseManifestSchema.parse(JSON.parse(release.signed));
  await mkdir(join(folder, releaseFiles.parts), { recursive: true });
  for (const [sha256, bytes] of parts) await writeFile(join(folder, releaseFiles.part(sha256)), bytes);
  await writeFile(join(folder, releaseFiles.manifest(manifest)), JSON.stringify(release));
}

export interface FlashEnd {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `fieldline flash …` inside of this process, as the command does it. */
export async function runFlash(
  words: readonly string[],
  { stdin = '', environment = {} }: { stdin?: string; environment?: Readonly<Record<string, string>> } = {},
): Promise<FlashEnd> {
  const [stdout, stderr] = [new Collected(), new Collected()];
  const io = { stdin: Readable.from([stdin]), stdout, stderr, environment: (option: string) => environment[option] };
  const program = new Command().exitOverride().configureOutput({ writeErr: (text) => void stderr.write(text) });
  addFlash(program, io);
  for (const command of program.commands) command.exitOverride();
  const before = process.exitCode;
  let code: number;
  try {
    await program.parseAsync(['flash', ...words], { from: 'user' });
    code = Number(process.exitCode ?? 0);
  } catch (error) {
    code = explain(error, (line) => void stderr.write(`${line}\n`));
  } finally {
    process.exitCode = before;
  }
  return { code, stdout: stdout.text, stderr: stderr.text };
}

class Collected extends Writable {
  text = '';

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}
