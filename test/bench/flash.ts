/*
 * How long it takes to make cards, and how much is written: one image from an .img.xz, and a batch of 50 (with --quick, 5) of
 * a Raspberry-Pi-OS-shaped image of 1.1 GB, mostly holes, that is made here. The peer is what a user would type instead:
 * `xz -dc | dd` and `mcopy` of the same files; for the batch `cp --sparse=always` of an image that is unpacked already, and
 * `mcopy`. Neither reads anything back; ours reads every file back that it wrote, from the medium, and tells a digest of each
 * image. Of both the seconds of the processor are told, those of their children included.
 *
 *   npm run bench:flash -- [--json] [--quick]
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createCipheriv, createHash, generateKeyPairSync } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  openSync,
  closeSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { signRelease, type ReleaseManifest } from '../../core/contract/release.js';
import { makeCardImage, mebibyte, piFiles } from '../support/card-image.js';
import { fieldline } from '../support/fieldline.js';
import { layRelease } from '../support/flash-folder.js';
import { ensureServer } from '../servers/ensure.js';
import { benchOptions, printResult, round } from './bench-output.js';

const options = benchOptions(process.argv);
const shape = options.quick
  ? { bootMiB: 128, rootMiB: 160, dataMiB: 16, images: 5 }
  : { bootMiB: 512, rootMiB: 580, dataMiB: 96, images: 50 };
/** As those of a real release: the agent, and Node for arm64. */
const partBytes = { app: 1_200_000, runtime: 26_500_000 } as const;
const bootStartMiB = 4;

const folder = mkdtempSync(join(tmpdir(), 'fieldline-bench-flash-'));
const at = (name: string): string => join(folder, name);
const say = (line: string): void => console.error(line);

/** Bytes that are always the same and that nothing packs. */
function noise(bytes: number, key: number): Buffer {
  return createCipheriv('aes-128-ctr', Buffer.alloc(16, key), Buffer.alloc(16)).update(Buffer.alloc(bytes));
}

async function makeImage(): Promise<void> {
  const { bootMiB, rootMiB, dataMiB } = shape;
  const firmware = Array.from({ length: 12 }, (_, i) => ({ path: `overlays/o${i}.dtbo`, bytes: noise(mebibyte, i) }));
  const files = [
    ...piFiles,
    ...firmware,
    { path: 'kernel8.img', bytes: noise(10 * mebibyte, 77) },
    { path: 'initramfs8', bytes: noise(12 * mebibyte, 78) },
    { path: 'user-data', bytes: Buffer.from('#cloud-config\n') },
  ];
  await makeCardImage(at('base.img'), { bootMiB, rootMiB, files });
  const fd = openSync(at('base.img'), 'r+');
  // Every second page packs well, as programs and texts do.
  for (let i = 0; i < dataMiB; i += 1) {
    const chunk = noise(mebibyte, i % 200);
    for (let page = 0; page < chunk.length; page += 8192) chunk.fill(page & 0xff, page, page + 4096);
    writeSync(fd, chunk, 0, chunk.length, (bootStartMiB + bootMiB + 1 + i * 4) * mebibyte);
  }
  closeSync(fd);
  execFileSync('xz', ['-1', '-T0', '-k', at('base.img')]);
}

async function makeRelease(): Promise<void> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const archives = Object.entries(partBytes).map(([name, bytes], i) => ({ name, bytes: noise(bytes, 90 + i) }));
  const hashOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
  const parts = archives.map(({ name, bytes }) => ({
    ...{ name: name as 'app' | 'runtime', bytes: bytes.length, unpackedBytes: bytes.length, sha256: hashOf(bytes) },
  }));
  const manifest: ReleaseManifest = {
    ...{ type: 'fieldline-release', format: 1, arch: 'arm64' },
    ...{ version: '1.0.0', nodeVersion: '22.0.0', builtUs: 1_700_000_000_000_000, parts },
  };
  const all = new Map(archives.map(({ bytes }) => [hashOf(bytes), bytes]));
  await layRelease(at('releases'), signRelease(manifest, privateKey), all);
  writeFileSync(at('release.pub.pem'), publicKey.export({ format: 'pem', type: 'spki' }));
  writeFileSync(at('token'), 'a-token-of-a-device-0123456789\n');
}

interface Took {
  readonly seconds: number;
  /** Of the processor, in programs and in the system. */
  readonly cpuSeconds: number;
}

/** Runs it to its end; bash counts what it and its children took. */
function timed(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Took {
  const script = 'exec 3>&2; { time "$@" 2>&3; } 2> "$BENCH_TIMES"';
  const counted = { BENCH_TIMES: at('times'), TIMEFORMAT: '%3R %3U %3S', LC_ALL: 'C' };
  const { status, stderr } = spawnSync('bash', ['-c', script, 'bash', command, ...args], {
    env: { ...process.env, ...env, ...counted },
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}: ${stderr}`);
  const [seconds = 0, user = 0, system = 0] = readFileSync(at('times'), 'utf8').trim().split(' ').map(Number);
  return { seconds, cpuSeconds: user + system };
}

function sum(parts: readonly Took[]): Took {
  const all = (key: keyof Took): number => parts.reduce((total, part) => total + part[key], 0);
  return { seconds: all('seconds'), cpuSeconds: all('cpuSeconds') };
}

function told({ seconds, cpuSeconds }: Took): string {
  return `${round(seconds, 2)} s, of the processor ${round(cpuSeconds, 2)} s`;
}

const common = ['flash', '--site', 'plant1', '--gateway', 'mqtts://gw.example:8883'];

function flash(words: readonly string[]): Took {
  const release = ['--release', at('releases/1.0.0'), '--release-key', at('release.pub.pem')];
  return timed(process.execPath, [fieldline, ...common, '--image', at('base.img.xz'), ...release, ...words]);
}

function diskMb(files: readonly string[]): number {
  return files.reduce((sum, file) => sum + statSync(file).blocks * 512, 0) / 1e6;
}

/** The files of a card that we made, for the peer to copy. */
function unpackFiles(image: string, mtools: Awaited<ReturnType<typeof ensureServer>>): string {
  const out = at('files');
  mkdirSync(out);
  const from = `${image}@@${bootStartMiB}M`;
  const env = { ...mtools.env, MTOOLS_SKIP_CHECK: '1' };
  for (const name of ['fieldline', 'cmdline.txt', 'cmdline.txt.orig', 'user-data', 'meta-data'])
    timed(mtools.path, ['-s', '-n', '-i', from, `::/${name}`, out], env);
  return out;
}

try {
  say('making the image and the release');
  await makeImage();
  await makeRelease();
  const mtools = await ensureServer('mtools', say);
  const one = flash(['--device', 'pi-01', '--token-file', at('token'), '--out', at('one.img')]);
  const files = unpackFiles(at('one.img'), mtools);
  say(`one: ${told(one)}`);

  const copyFiles = `${mtools.path} -s -o -n -i "$1@@${bootStartMiB}M" ${files}/* ::/ && sync "$1"`;
  const env = { ...mtools.env, MTOOLS_SKIP_CHECK: '1' };
  const unpack = `xz -dc ${at('base.img.xz')} | dd of="$1" bs=4M conv=sparse status=none && ${copyFiles}`;
  const peerOne = timed('sh', ['-c', unpack, 'sh', at('peer-one.img')], env);
  say(`one by xz, dd and mcopy: ${told(peerOne)}`);

  const names = Array.from({ length: shape.images }, (_, i) => `pi-${String(i + 1).padStart(2, '0')}`);
  writeFileSync(at('fleet.csv'), ['device', ...names].join('\n'));
  const many = flash(['--batch', at('fleet.csv'), '--out', at('cards')]);
  const images = readdirSync(at('cards'))
    .filter((name) => name.endsWith('.img'))
    .map((name) => at(`cards/${name}`));
  const cardsMb = diskMb(images);
  if (images.length !== shape.images) throw new Error(`${images.length} images in the place of ${shape.images}`);
  say(`${shape.images}: ${told(many)}`);
  rmSync(at('cards'), { recursive: true });

  // The work of each is the same: some tell the rate of all.
  const peers = Math.min(10, shape.images);
  const copy = `cp --sparse=always ${at('base.img')} "$1" && ${copyFiles}`;
  const unpackOnce = timed('sh', ['-c', `xz -dc ${at('base.img.xz')} > /dev/null`]);
  const share = peers / shape.images;
  const peerMany = sum([
    { seconds: unpackOnce.seconds * share, cpuSeconds: unpackOnce.cpuSeconds * share },
    ...Array.from({ length: peers }, (_, i) => timed('sh', ['-c', copy, 'sh', at(`peer-${i}.img`)], env)),
  ]);
  say(`${peers} by cp and mcopy: ${told(peerMany)}`);
  const perMinute = (60 * shape.images) / many.seconds;
  const peerPerMinute = (60 * peers) / peerMany.seconds;
  const details = {
    image: `${round(statSync(at('base.img')).size / 1e6, 0)} MB, ${round(diskMb([at('base.img')]), 0)} MB of it data; ${round(statSync(at('base.img.xz')).size / 1e6, 0)} MB as .xz`,
    oneSeconds: round(one.seconds, 2),
    oneCpuSeconds: round(one.cpuSeconds, 2),
    oneMb: round(diskMb([at('one.img')]), 0),
    batch: shape.images,
    batchSeconds: round(many.seconds, 1),
    cardCpuSeconds: round(many.cpuSeconds / shape.images, 2),
    batchMb: round(cardsMb, 0),
    peerOneSeconds: round(peerOne.seconds, 2),
    peerOneCpuSeconds: round(peerOne.cpuSeconds, 2),
    peerBatchImages: peers,
    peerPerMinute: round(peerPerMinute, 1),
    peerCardCpuSeconds: round(peerMany.cpuSeconds / peers, 2),
    ratioOfOne: round(peerOne.seconds / one.seconds, 2),
    readBack: 'ours: every file, from the medium, and the fs-verity digest of each image; the peer: nothing',
  };
  const peer = 'batch: cp --sparse=always + mcopy + sync; one: xz -dc | dd + mcopy + sync';
  printResult(
    {
      bench: 'flash',
      value: round(perMinute, 1),
      unit: 'images/min',
      peer,
      ratio: round(perMinute / peerPerMinute, 2),
      details,
    },
    options,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
