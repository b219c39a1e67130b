import { createHash } from 'node:crypto';
import type { BootFile, BootPartition } from '../boot-partition.js';
import type { FirstBootFormatName, SystemSetup } from '../first-boot/first-boot.js';
import { firstBootOf } from '../first-boot/registry.js';
import { installFiles, type InstallSetup } from '../../install/install-files.js';

/** What one card is to become. */
export interface CardWish {
  readonly system: Omit<SystemSetup, 'instanceId'>;
  readonly install: InstallSetup;
  readonly format: FirstBootFormatName | 'auto';
}

export interface CardPlan {
  readonly format: FirstBootFormatName;
  readonly instanceId: string;
  /** All that is written to the boot partition; those that are there are replaced. */
  readonly files: readonly BootFile[];
  /** Of these, the ones that hold a secret, be it only its hash. */
  readonly secrets: ReadonlySet<string>;
}

const folder = 'fieldline/';
const secretFolder = 'fieldline/secrets/';
/** Written for every card; what else the first boot is told may hold the key of the Wi-Fi or the hash of a password. */
const openFiles = new Set(['cmdline.txt', 'config.txt', 'cmdline.txt.orig', 'config.txt.orig']);

/**
 * What is written to make the card what is wished. Pure: the same wish, identity included, and the same boot partition give the same
 * bytes. Throws FatalError `bad-config` for what cannot be.
 */
export function planCard({ system, install, format }: CardWish, boot: BootPartition): CardPlan {
  const firstBoot = firstBootOf(boot, format);
  const ours = installFiles(install);
  const instanceId = instanceIdOf(system, ours);
  const theirs = firstBoot.files({ ...system, instanceId }, boot);
  const holdsSecret = system.wifi !== undefined || system.user?.passwordHash !== undefined;
  const secrets = [
    ...ours.filter(({ path }) => path.startsWith(secretFolder)),
    ...theirs.filter(({ path }) => holdsSecret && !openFiles.has(path)),
  ];
  return {
    format: firstBoot.name,
    instanceId,
    files: [...ours, ...theirs],
    secrets: new Set(secrets.map(({ path }) => path)),
  };
}

/** Another one whenever something of the card is another, its secrets aside: a card tells this to everybody. */
function instanceIdOf({ wifi, user, ...system }: CardWish['system'], ours: readonly BootFile[]): string {
  const hash = createHash('sha256').update(JSON.stringify([system, wifi?.ssid, user?.name]));
  // It has the hash of every other file.
  hash.update(ours.find(({ path }) => path === `${folder}SHA256SUMS`)!.bytes);
  return `fieldline-${hash.digest('hex').slice(0, 16)}`;
}

/** The archives of the release: the same for every card, and nearly all that is written. */
export function sharedFiles({ files }: Pick<CardPlan, 'files'>): BootFile[] {
  return files.filter(isShared);
}

/** Writes what every card has; an installer that is there from an earlier flash goes first. */
export function applyShared(plan: Pick<CardPlan, 'files'>, boot: BootPartition): void {
  for (const path of filesOf(boot, folder)) boot.remove(path);
  for (const file of sharedFiles(plan)) boot.write(file);
}

/** Writes the rest of the plan. */
export function applyOwn({ files }: CardPlan, boot: BootPartition): void {
  for (const file of files) if (!isShared(file)) boot.write(file);
}

function isShared({ path }: BootFile): boolean {
  return path.startsWith(`${folder}parts/`);
}

/** The paths of all files below a folder, which ends with `/` or is empty. */
export function filesOf(boot: BootPartition, below = ''): string[] {
  return boot
    .list(below.replace(/\/$/, ''))
    .flatMap((name) => (name.endsWith('/') ? filesOf(boot, `${below}${name}`) : [`${below}${name}`]));
}
