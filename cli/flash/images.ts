import { mkdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { deviceKey } from '#core/contract/names.js';
import type { ReleaseArch } from '#core/contract/release.js';
import { RejectedError } from '#core/runtime/errors.js';
import { imageArch } from '../../edge/image/flash/arch.js';
import type { CardRecord } from '../../edge/image/flash/card-manifest.js';
import { flashCard } from '../../edge/image/flash/flash-card.js';
import { planCard, type CardPlan } from '../../edge/image/flash/plan-card.js';
import { UsageError } from '../fail.js';
import { openBase, type BaseImage } from './base-image.js';
import { CardBook } from './card-book.js';
import { checkNode } from './check-node.js';
import type { FlashedDevice, FlashResult, FlashRun } from './flash.js';
import type { Identified } from './identity.js';
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
  const many = target.kind === 'batch' && run.devices.length > 1 && !options.dryRun;
  const scratch = options.dryRun || target.kind === 'node' ? await scratchFolder() : folder;
  const base = await openBase({ image: target.image, folder: scratch, many }, run);
  try {
    const work = await prepareWork(run, base);
    const jobs = run.devices.map((device) => jobOf(device, work));
    return options.dryRun ? tellPlan(jobs, work) : await writeAll(jobs, work);
  } finally {
    await base.close();
  }
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

async function writeAll(jobs: readonly Job[], work: Work): Promise<FlashResult> {
  const { run, base, release } = work;
  const { target, report } = run;
  const { version, arch, parts } = release.manifest;
  const appSha256 = parts.find(({ name }) => name === 'app')!.sha256;
  const book = new CardBook(target.kind === 'batch' ? target.folder : undefined, {
    image: { file: basename(base.file), sha256: base.sha256 },
    release: { version, arch, appSha256 },
    firstBoot: jobs[0]!.plan.format,
  });
  await book.read();
  const text: string[] = [];
  for (const [i, job] of jobs.entries()) {
    run.signal.throwIfAborted();
    const name = `${deviceKey(job.device.input)} (${i + 1} of ${jobs.length})`;
    const there = await book.kept(job.path, job.plan, run.signal);
    if (there) {
      report.line(`${name}: ${job.path} is there already`);
      await book.add(there);
      continue;
    }
    const record = await writeOne(job, work, name);
    const hash = record.sha256 === undefined ? 'read back' : `sha256 ${record.sha256}`;
    text.push(`${job.path}: ${deviceKey(job.device.input)}, ${mb(record.bytes)} MB, ${hash}`);
    await book.add(record);
  }
  await book.finish();
  return { text: [...text, ...book.summary()], json: book.manifest() };
}

async function writeOne({ device, path }: Job, work: Work, name: string): Promise<CardRecord> {
  const { run, base, release } = work;
  const { report, options, signal, target } = run;
  const { identity, record } = await device.identity.make();
  const plan = planOf(device, work, identity);
  const written = await flashCard({
    ...{ source: base.source, out: path, plan, signal, device: target.kind === 'node' },
    overwrite: options.yes === true,
    verify: options.verify === true,
    // The same release gives the same stamps, whenever it is written.
    timeMs: Math.floor(release.manifest.builtUs / 1000),
    onProgress: ({ step, doneBytes, totalBytes }) => report.update(`${name}: ${step}`, doneBytes, totalBytes),
  });
  for (const warning of written.warnings) report.line(`note: ${path}: ${warning}`);
  const { site, device: own, address, label } = device.input;
  return {
    ...{ site, device: own, hostname: device.system.hostname, labels: label ?? {}, identity: record },
    ...(address !== undefined && { address }),
    file: target.kind === 'node' ? path : basename(path),
    bytes: written.imageBytes,
    ...(written.sha256 !== undefined && { sha256: written.sha256 }),
    files: written.files.map((file) => ({
      ...{ path: file.path, bytes: file.bytes },
      ...(!plan.secrets.has(file.path) && { sha256: file.sha256 }),
    })),
  };
}

/** What would be written; each file by its name and size, none by its content. */
function tellPlan(jobs: readonly Job[], { base, release, because }: Work): FlashResult {
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
  const image = { file: base.file, sha256: base.sha256, arch, because };
  const summary = `from ${base.file} for ${arch} (${because}), release ${version}; nothing was written`;
  return { text: [summary, ...text], json: { dryRun: true, image, release: { version, arch }, cards } };
}
