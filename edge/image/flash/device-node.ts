import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { RejectedError } from '#core/runtime/errors.js';

/** Where Linux tells of its disks; a test makes a tree of its own. */
export interface DeviceTree {
  /** Folder that holds `sys` and `proc`. */
  readonly root: string;
  /** The numbers of a block device; undefined for anything else. Throws what stat throws. */
  readonly numbersOf: (path: string) => Promise<string | undefined>;
}

/** A disk as the system knows it. */
export interface DeviceNode {
  readonly path: string;
  /** The kernel's name, as `sdb`. */
  readonly name: string;
  /** What it calls itself. */
  readonly model: string;
  readonly sizeBytes: number;
  readonly bus: 'usb' | 'sd' | 'other';
  readonly removable: boolean;
  readonly readOnly: boolean;
  /** Of the whole disk, if the path is that of a partition. */
  readonly partitionOf: string | undefined;
  /** Who uses it or a part of it: `/dev/sdb1 is mounted at /media/card`. */
  readonly inUse: readonly string[];
  readonly holdsRoot: boolean;
}

interface Mount {
  readonly numbers: string;
  readonly place: string;
  readonly source: string;
}

const sectorBytes = 512;

export const systemTree: DeviceTree = {
  root: '/',
  async numbersOf(path) {
    const found = await stat(path);
    return found.isBlockDevice() ? deviceNumbers(found.rdev) : undefined;
  },
};

/** `major:minor` as glibc packs them into a `dev_t`. */
export function deviceNumbers(rdev: number): string {
  const [high, low] = [Math.floor(rdev / 2 ** 32), (rdev % 2 ** 32) >>> 0];
  const major = ((low >>> 8) & 0xfff) + ((high & ~0xfff) >>> 0);
  const minor = (low & 0xff) | ((low >>> 12) & 0xfff00);
  return `${major}:${minor}`;
}

/** What is known of a device node. Throws RejectedError `refused` if the path is none. */
export async function inspectNode(path: string, tree: DeviceTree = systemTree): Promise<DeviceNode> {
  const numbers = await tree.numbersOf(path).catch((cause: unknown) => {
    throw new RejectedError('refused', `${path}: there is no such device; \`lsblk\` lists those that are there`, {
      cause,
    });
  });
  if (numbers === undefined) {
    throw new RejectedError('refused', `${path} is no block device: name a file with --out, or a card as /dev/sdb`);
  }
  const folder = await folderOf(tree, numbers);
  const isPartition = (await text(join(folder, 'partition'))) !== undefined;
  const disk = isPartition ? dirname(folder) : folder;
  const mounts = await readMounts(tree);
  return {
    path,
    name: basename(folder),
    model: await modelOf(disk),
    sizeBytes: Number(await text(join(folder, 'size'))) * sectorBytes,
    bus: await busOf(disk),
    removable: (await text(join(disk, 'removable'))) === '1',
    readOnly: (await text(join(disk, 'ro'))) === '1',
    partitionOf: isPartition ? basename(disk) : undefined,
    inUse: await usersOf(disk, mounts, tree),
    holdsRoot: (await disksOfRoot(mounts, tree)).has(await realpath(disk)),
  };
}

/** Why this disk is not written to; empty for a card. `imageBytes` is undefined where the image does not tell. */
export function nodeFaults(node: DeviceNode, imageBytes?: number): string[] {
  const { path, bus, removable, partitionOf, sizeBytes } = node;
  const faults: readonly (readonly [boolean, string])[] = [
    [partitionOf !== undefined, `${path} is a partition: name the whole card, /dev/${partitionOf ?? ''}`],
    [node.holdsRoot, `${path} holds the system that is running`],
    [!removable && bus === 'other', `${path} is neither removable nor at USB nor an SD card`],
    [node.readOnly, `${path} is read-only: look at the switch of the card`],
    [node.inUse.length > 0, `${path} is in use: ${node.inUse.join('; ')}: unmount it first`],
    [!(sizeBytes > 0), `${path} has no medium: put a card in`],
    [sizeBytes > 0 && sizeBytes < (imageBytes ?? 0), `${path} has ${sizeBytes} bytes, and the image ${imageBytes}`],
  ];
  return faults.filter(([is]) => is).map(([, sentence]) => sentence);
}

async function folderOf(tree: DeviceTree, numbers: string): Promise<string> {
  const link = join(tree.root, 'sys/dev/block', numbers);
  return realpath(link).catch((cause: unknown) => {
    throw new RejectedError('refused', `${link} is missing: what ${numbers} is cannot be told`, { cause });
  });
}

async function modelOf(disk: string): Promise<string> {
  const parts = await Promise.all(['vendor', 'model', 'name'].map((name) => text(join(disk, 'device', name))));
  return parts.filter((part) => part !== undefined && part !== '').join(' ') || 'unknown model';
}

/** Built-in eMMC sits at the same bus as SD cards and calls itself `MMC`. */
async function busOf(disk: string): Promise<DeviceNode['bus']> {
  if (/\/usb\d+\//.test(await realpath(disk))) return 'usb';
  return (await text(join(disk, 'device/type'))) === 'SD' ? 'sd' : 'other';
}

/** The disk and its partitions, by name and numbers. */
async function partsOf(disk: string): Promise<{ name: string; folder: string; numbers: string }[]> {
  const names = await readdir(disk, { withFileTypes: true });
  const folders = [disk, ...names.filter((entry) => entry.isDirectory()).map(({ name }) => join(disk, name))];
  const parts = await Promise.all(
    folders.map(async (folder) => ({
      name: basename(folder),
      folder,
      numbers: (await text(join(folder, 'dev'))) ?? '',
    })),
  );
  return parts.filter(({ numbers }) => numbers !== '');
}

async function usersOf(disk: string, mounts: readonly Mount[], tree: DeviceTree): Promise<string[]> {
  const swaps = (await text(join(tree.root, 'proc/swaps'))) ?? '';
  const users: string[] = [];
  for (const { name, folder, numbers } of await partsOf(disk)) {
    const path = `/dev/${name}`;
    // A file system over several disks has numbers of its own, and names only one of the disks.
    for (const mount of mounts.filter((so) => so.numbers === numbers || so.source === path))
      users.push(`${path} is mounted at ${mount.place}`);
    if (swaps.split('\n').some((line) => line.split(/\s/)[0] === path)) users.push(`${path} is swap space`);
    for (const holder of await list(join(folder, 'holders'))) users.push(`${path} is held by ${holder}`);
  }
  return users;
}

/** The disks below `/`, through partitions, encryption, volumes and RAID. */
async function disksOfRoot(mounts: readonly Mount[], tree: DeviceTree): Promise<Set<string>> {
  const disks = new Set<string>();
  for (const { numbers, source } of mounts.filter(({ place }) => place === '/')) {
    const links = [join(tree.root, 'sys/dev/block', numbers), join(tree.root, 'sys/class/block', basename(source))];
    for (const link of links) await addDisks(link, disks);
  }
  return disks;
}

async function addDisks(link: string, disks: Set<string>): Promise<void> {
  const folder = await realpath(link).catch(() => undefined);
  if (folder === undefined) return;
  const slaves = await list(join(folder, 'slaves'));
  for (const slave of slaves) await addDisks(join(folder, 'slaves', slave), disks);
  if (slaves.length > 0) return;
  disks.add((await text(join(folder, 'partition'))) === undefined ? folder : dirname(folder));
}

/** proc_pid_mountinfo(5): the third field is the device, the fifth the place; after a lone dash come type and source. */
async function readMounts(tree: DeviceTree): Promise<Mount[]> {
  const file = join(tree.root, 'proc/self/mountinfo');
  const lines = (await text(file))?.split('\n');
  if (!lines) throw new RejectedError('refused', `cannot read ${file}: whether the device is mounted cannot be told`);
  return lines.map((line) => {
    const fields = line.split(' ');
    const dash = fields.indexOf('-');
    return { numbers: fields[2] ?? '', place: unescape(fields[4] ?? ''), source: unescape(fields[dash + 2] ?? '') };
  });
}

function unescape(field: string): string {
  return field.replaceAll(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

async function text(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').then(
    (content) => content.trim(),
    () => undefined,
  );
}

async function list(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}
