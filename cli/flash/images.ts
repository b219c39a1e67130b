import { mkdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { deviceKey } from '#core/contract/names.js';
import type { ReleaseArch } from '#core/contract/release.js';
import { RejectedError } from '#core/runtime/errors.js';
import { imageArch } from '../../edge/image/flash/arch.js';
import type { UnpackedImage, WrittenImage } from '../../edge/image/card-types.js';
import type { CardRecord } from '../../edge/image/flash/card-manifest.js';
import { flashCard, type FlashCardOptions } from '../../edge/image/flash/flash-card.js';
import { applyShared, planCard, type CardPlan } from '../../edge/image/flash/plan-card.js';
import { hashFile } from '../../edge/image/source/hash-file.js';
import { UsageError } from '../fail.js';
import { openBase, type BaseImage, type BaseUse } from './base-image.js';
import { CardBook } from './card-book.js';
import { cardProgress } from './card-progress.js';
import { checkNode } from './check-node.js';
import type { FlashedDevice, FlashResult, FlashRun } from './flash.js';
import type { Identified } from './identity.js';
import { inTurns } from './in-turns.js';
import { installOf, planned } from './install-setup.js';
import type { ChosenRelease } from './release-choice.js';
import { mb } from './report.js';

/** A run whose image was looked at and whose release is there: all that is left is to write. */
interface Work {
  readonly run: FlashRun;
  readonly base: BaseImage;
  readonly release: ChosenRelease;
  /** By which the arch was known, for a person. */
  readonly because: string;
}

interface Job {
  readonly device: FlashedDevice;
  readonly path: string;
  /** With an identity that stands for the one that is made when it is written. */
  readonly plan: CardPlan;
}

/** Writes cards or their images. Throws before anything is written where that can be known. */
export async function flashImages(run: FlashRun): Promise<FlashResult> {
  const { target, options } = run;
  if (target.kind === 'ssh' || target.kind === 'deb') throw new UsageError('--image is missing');
  const folder = target.kind === 'batch' ? target.folder : dirname(target.kind === 'file' ? target.out : '.');
  if (target.kind === 'node') await checkNode(run);
  if (target.kind === 'batch' && !options.dryRun) await mkdir(folder, { recursive: true });
  const use = useOf(run);
  const scratch = use === 'look' || use === 'stream' ? await scratchFolder() : folder;
  const base = await openBase({ image: target.image, folder: scratch, use }, run);
  try {
    const work = await prepareWork(run, base);
    const jobs = run.devices.map((device) => jobOf(device, work));
    return options.dryRun ? tellPlan(jobs, work, await base.sha256) : await writeAll(jobs, work);
  } finally {
    await base.close();
  }
}

function useOf({ target, options, devices }: FlashRun): BaseUse {
  if (options.dryRun) return 'look';
  if (target.kind === 'node') return 'stream';
  return target.kind === 'batch' && devices.length > 1 ? 'many' : 'one';
}

async function scratchFolder(): Promise<string> {
  const { tmpdir } = await import('node:os');
  return tmpdir();
}

async function prepareWork(run: FlashRun, base: BaseImage): Promise<Work> {
  const { arch, because } = archOf(run, base);
  run.report.line(`image ${base.file}: for ${arch} (${because})`);
  for (const warning of base.warnings) run.report.line(`note: ${base.file}: ${warning}`);
  const release = await run.release(arch, (line) => run.report.line(line));
  run.signal.throwIfAborted();
  return { run, base, release, because };
}

function archOf({ options }: FlashRun, { boot, file }: BaseImage): { arch: ReleaseArch; because: string } {
  const found = imageArch(boot);
  if (options.arch === 'auto') {
    if (found) return found;
    throw new UsageError(
      `--arch: ${file} does not tell whether its programs are of 32 or 64 bits (kernel files and arm_64bit in config.txt do): say arm64 or armv7l`,
    );
  }
  if (found && found.arch !== options.arch) {
    throw new UsageError(`--arch: ${file} is for ${found.arch} (${found.because}), not for ${options.arch}`);
  }
  return { arch: options.arch, because: '--arch says so' };
}

function jobOf(device: FlashedDevice, work: Work): Job {
  const plan = planOf(device, work, planned(device.identity).identity);
  const room = work.base.boot.freeBytes();
  const needed = plan.files.reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
  if (needed > room) {
    throw new RejectedError(
      'disk-full',
      `${work.base.file}: its boot partition has ${room} bytes free, and ${needed} are needed`,
    );
  }
  return { device, path: pathOf(device, work.run), plan };
}

function planOf(device: FlashedDevice, { run, base, release }: Work, identity: Identified['identity']): CardPlan {
  const install = installOf(device, release, identity);
  return planCard({ system: device.system, install, format: run.options.format }, base.boot);
}

function pathOf({ input, out }: FlashedDevice, { target }: FlashRun): string {
  if (target.kind === 'batch') return join(target.folder, out ?? `${input.site}_${input.device}.img`);
  return target.kind === 'node' ? target.path : target.kind === 'file' ? target.out : '';
}

/** While one card is synced and read back, the next is copied. */
const cardsAtOnce = 2;

async function writeAll(jobs: readonly Job[], work: Work): Promise<FlashResult> {
  const { run } = work;
  const book = await bookOf(jobs, work);
  const text = new Map<number, string>();
  const unpacked = onceOnly(() => unpackedFor(jobs, work));
  const progressOf = cardProgress(jobs.length, run.report);
  await inTurns(jobs, { atOnce: cardsAtOnce, signal: run.signal }, async (job, place, signal) => {
    const name = `${deviceKey(job.device.input)} (${place + 1} of ${jobs.length})`;
    const there = await book.kept(job.path, job.plan, signal);
    if (there) {
      run.report.line(`${name}: ${job.path} is there already`);
      return book.add(place, await withSha256(there, job.path, run));
    }
    const image = await unpacked();
    try {
      const made = (record: CardRecord) => book.add(place, record);
      const record = await writeOne(job, work, { image, made, signal, onProgress: progressOf(name, place) });
      text.set(place, lineOf(job, record));
    } catch (error) {
      await book.remove(place);
      throw error;
    }
  });
  await book.finish();
  const lines = [...text].sort(([a], [b]) => a - b).map(([, line]) => line);
  return { text: [...lines, ...book.summary()], json: book.manifest() };
}

async function bookOf(jobs: readonly Job[], { run, base, release }: Work): Promise<CardBook> {
  const { target } = run;
  const { version, arch, parts } = release.manifest;
  const appSha256 = parts.find(({ name }) => name === 'app')!.sha256;
  const book = new CardBook(target.kind === 'batch' ? target.folder : undefined, {
    image: { file: basename(base.file), sha256: await base.sha256 },
    release: { version, arch, appSha256 },
    firstBoot: jobs[0]!.plan.format,
  });
  await book.read();
  return book;
}

/** For many, with what they have in common written into it. */
async function unpackedFor(jobs: readonly Job[], { base, release }: Work): Promise<UnpackedImage | undefined> {
  const image = await base.unpacked;
  if (image === undefined || image.mayTake) return image;
  return base.prepare(image, stampMs(release), (boot) => applyShared(jobs[0]!.plan, boot));
}

function onceOnly<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}

async function withSha256(record: CardRecord, path: string, { options, signal }: FlashRun): Promise<CardRecord> {
  if (!options.sha256 || record.sha256 !== undefined) return record;
  return { ...record, sha256: await hashFile(path, { signal }) };
}

function lineOf({ device, path }: Job, { bytes, fsverity, sha256 }: CardRecord): string {
  const hashes = [...(fsverity === undefined ? ['read back'] : [`fs-verity ${fsverity}`])];
  if (sha256 !== undefined) hashes.push(`sha256 ${sha256}`);
  return `${path}: ${deviceKey(device.input)}, ${mb(bytes)} MB, ${hashes.join(', ')}`;
}

interface Writing {
  readonly image: UnpackedImage | undefined;
  readonly signal: AbortSignal;
  readonly onProgress: FlashCardOptions['onProgress'];
  /** Called before the image appears. */
  readonly made: (record: CardRecord) => Promise<void>;
}

async function writeOne(job: Job, work: Work, { image, signal, onProgress, made }: Writing): Promise<CardRecord> {
  const { device, path } = job;
  const { options, target, report } = work.run;
  const { identity, record } = await device.identity.make();
  const plan = planOf(device, work, identity);
  const isNode = target.kind === 'node';
  const recordFor = ({ imageBytes, files, fsverity, sha256 }: WrittenImage): CardRecord => ({
    ...{ site: device.input.site, device: device.input.device, hostname: device.system.hostname },
    ...{ labels: device.input.label ?? {}, identity: record },
    ...(device.input.address !== undefined && { address: device.input.address }),
    ...{ file: isNode ? path : basename(path), bytes: imageBytes },
    ...(fsverity !== undefined && { fsverity }),
    ...(sha256 !== undefined && { sha256 }),
    files: files.map((file) => ({
      ...{ path: file.path, bytes: file.bytes },
      ...(!plan.secrets.has(file.path) && { sha256: file.sha256 }),
    })),
  });
  const written = await flashCard({
    ...{ source: work.base.source, out: path, plan, signal, onProgress, device: isNode },
    ...(image && { unpacked: image }),
    ...{ overwrite: options.yes === true, verify: options.verify === true, sha256: options.sha256 === true },
    timeMs: stampMs(work.release),
    beforeFinish: (image) => made(recordFor(image)),
  });
  for (const warning of written.warnings) report.line(`note: ${path}: ${warning}`);
  return recordFor(written);
}

/** The same release gives the same stamps, whenever it is written. */
function stampMs({ manifest }: ChosenRelease): number {
  return Math.floor(manifest.builtUs / 1000);
}

/** What would be written; each file by its name and size, none by its content. */
function tellPlan(jobs: readonly Job[], { base, release, because }: Work, sha256: string): FlashResult {
  const { version, arch } = release.manifest;
  const cards = jobs.map(({ device, path, plan }) => ({
    ...{ device: deviceKey(device.input), path, firstBoot: plan.format },
    hostname: device.system.hostname,
    identity: planned(device.identity).record,
    files: plan.files.map((file) => ({
      path: file.path,
      bytes: file.bytes.byteLength,
      secret: plan.secrets.has(file.path),
    })),
  }));
  const text = cards.flatMap(({ device, path, firstBoot, hostname, identity, files }) => [
    `${path}: ${device} as ${hostname}, first boot by ${firstBoot}, identity: ${identity.kind}`,
    ...files.map((file) => `  ${String(file.bytes).padStart(9)}  ${file.path}${file.secret ? '  (secret)' : ''}`),
  ]);
  const image = { file: base.file, sha256, arch, because };
  const summary = `from ${base.file} for ${arch} (${because}), release ${version}; nothing was written`;
  return { text: [summary, ...text], json: { dryRun: true, image, release: { version, arch }, cards } };
}
