import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { deviceNumbers, inspectNode, nodeFaults, type DeviceTree } from '../../../../edge/image/flash/device-node.js';
import { tempDir } from '../../../support/temp-dir.js';

const gib = 1024 ** 3;
const usb = 'sys/devices/pci0000:00/0000:00:14.0/usb1/1-2/host6/target6:0:0/6:0:0:0/block';
const sata = 'sys/devices/pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0/block';
const mmc = 'sys/devices/platform/emmc2bus/fe340000.mmc/mmc_host/mmc0/mmc0:aaaa/block';

interface Disk {
  readonly folder: string;
  readonly name: string;
  readonly numbers: string;
  readonly files: Readonly<Record<string, string>>;
}

/** A tree as Linux shows it; `/dev/<name>` is a block device if it is in the tree. */
async function tree(disks: readonly Disk[], mounts: readonly string[] = [], swaps = ''): Promise<DeviceTree> {
  const root = await tempDir();
  const write = async (path: string, text: string) => {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), `${text}\n`);
  };
  const numbersOf = new Map<string, string>();
  for (const { folder, name, numbers, files } of disks) {
    numbersOf.set(`/dev/${name}`, numbers);
    await write(join(folder, name, 'dev'), numbers);
    for (const [file, text] of Object.entries(files)) await write(join(folder, name, file), text);
    for (const link of [`sys/dev/block/${numbers}`, `sys/class/block/${name}`]) {
      await mkdir(dirname(join(root, link)), { recursive: true });
      await symlink(join(root, folder, name), join(root, link));
    }
  }
  await write('proc/self/mountinfo', ['22 1 259:2 / / rw - ext4 /dev/nvme0n1p2 rw', ...mounts].join('\n'));
  await write('proc/swaps', `Filename Type Size Used Priority\n${swaps}`);
  return {
    root,
    numbersOf: (path) =>
      path === '/dev/missing' ? Promise.reject(new Error('ENOENT')) : Promise.resolve(numbersOf.get(path)),
  };
}

function disk(folder: string, name: string, numbers: string, files: Record<string, string> = {}): Disk {
  return { folder, name, numbers, files: { size: String((32 * gib) / 512), ro: '0', removable: '1', ...files } };
}

const card = disk(usb, 'sdb', '8:16', { 'device/vendor': 'Generic ', 'device/model': 'SD Reader' });
const cardPart = disk(join(usb, 'sdb'), 'sdb1', '8:17', { partition: '1' });
const system = disk(sata, 'nvme0n1', '259:0', { removable: '0' });
const systemPart = disk(join(sata, 'nvme0n1'), 'nvme0n1p2', '259:2', { partition: '2' });

async function faults(path: string, made: DeviceTree, imageBytes?: number) {
  return nodeFaults(await inspectNode(path, made), imageBytes);
}

it('takes a card in a reader, and tells what it is', async () => {
  const made = await tree([card, cardPart, system, systemPart]);
  const node = await inspectNode('/dev/sdb', made);
  expect(node).toMatchObject({
    name: 'sdb',
    model: 'Generic SD Reader',
    sizeBytes: 32 * gib,
    bus: 'usb',
    removable: true,
    inUse: [],
    holdsRoot: false,
  });
  expect(nodeFaults(node, 32 * gib)).toEqual([]);
  expect(nodeFaults(node, 32 * gib + 1)).toEqual([`/dev/sdb has ${32 * gib} bytes, and the image ${32 * gib + 1}`]);
});

it('takes an SD card of the board itself, and never its soldered memory', async () => {
  const sd = disk(mmc, 'mmcblk0', '179:0', { removable: '0', 'device/type': 'SD', 'device/name': 'SC32G' });
  const soldered = disk(mmc, 'mmcblk1', '179:8', { removable: '0', 'device/type': 'MMC' });
  const made = await tree([sd, soldered, system, systemPart]);
  expect(await faults('/dev/mmcblk0', made)).toEqual([]);
  expect(await faults('/dev/mmcblk1', made)).toEqual(['/dev/mmcblk1 is neither removable nor at USB nor an SD card']);
});

describe('what is in use is left alone', () => {
  const mounted = '36 22 8:17 / /media/my\\040card rw - vfat /dev/sdb1 rw';
  // btrfs shows numbers of its own.
  const elsewhere = '37 22 0:45 / /mnt/data rw - btrfs /dev/sdb1 rw';
  const cases: readonly [name: string, mounts: string[], swaps: string, files: Disk[], sentence: string][] = [
    ['mounted', [mounted], '', [], 'in use: /dev/sdb1 is mounted at /media/my card: unmount it first'],
    ['mounted by its source', [elsewhere], '', [], '/dev/sdb1 is mounted at /mnt/data'],
    ['swap', [], '/dev/sdb1 partition 1 0 -2', [], '/dev/sdb1 is swap space'],
    ['held', [], '', [disk(join(usb, 'sdb'), 'sdb2', '8:18', { partition: '2', 'holders/dm-0': '' })], 'held by dm-0'],
  ];
  it.each(cases)('%s', async (_, mounts, swaps, more, sentence) => {
    const made = await tree([card, cardPart, system, systemPart, ...more], mounts, swaps);
    expect((await faults('/dev/sdb', made)).join('\n')).toContain(sentence);
  });
});

it('leaves the disk of the running system alone, through a volume too', async () => {
  const plain = await tree([system, systemPart]);
  expect(await faults('/dev/nvme0n1', plain)).toEqual([
    '/dev/nvme0n1 holds the system that is running',
    '/dev/nvme0n1 is neither removable nor at USB nor an SD card',
    '/dev/nvme0n1 is in use: /dev/nvme0n1p2 is mounted at /: unmount it first',
  ]);
  // A system on a USB stick, encrypted: `/` is 253:0, whose slave is the partition.
  const volume = disk('sys/devices/virtual/block', 'dm-0', '253:0');
  const made = await tree([card, cardPart, volume], ['22 1 253:0 / / rw - ext4 /dev/mapper/root rw']);
  await mkdir(join(made.root, 'sys/devices/virtual/block/dm-0/slaves'));
  await symlink(join(made.root, usb, 'sdb/sdb1'), join(made.root, 'sys/devices/virtual/block/dm-0/slaves/sdb1'));
  expect(await faults('/dev/sdb', made)).toContain('/dev/sdb holds the system that is running');
});

it('wants the whole card, with a medium in it that can be written', async () => {
  const made = await tree([card, cardPart, disk(usb, 'sdc', '8:32', { size: '0', ro: '1' }), system, systemPart]);
  expect(await faults('/dev/sdb1', made)).toContain('/dev/sdb1 is a partition: name the whole card, /dev/sdb');
  expect(await faults('/dev/sdc', made, gib)).toEqual([
    '/dev/sdc is read-only: look at the switch of the card',
    '/dev/sdc has no medium: put a card in',
  ]);
});

it('refuses what is no block device, and what cannot be told', async () => {
  const made = await tree([card]);
  await expect(inspectNode('/dev/missing', made)).rejects.toThrow(/there is no such device; `lsblk` lists/);
  await expect(inspectNode('/tmp/card.img', made)).rejects.toThrow(/is no block device: name a file with --out/);
  const blind: DeviceTree = { root: '/nowhere', numbersOf: () => Promise.resolve('8:16') };
  await expect(inspectNode('/dev/sdb', blind)).rejects.toMatchObject({ name: 'RejectedError', code: 'refused' });
});

it.each([
  [0x0810, '8:16'],
  [0x10010302, '259:65538'],
  [0x10302, '259:2'],
  [0xfd00, '253:0'],
])('%d is %s', (rdev, numbers) => expect(deviceNumbers(rdev)).toBe(numbers));
