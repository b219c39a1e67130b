import { closeSync, openSync, readFileSync, readSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from '../servers/run-command.js';
import type { Guest } from './guest/ensure-guest.js';
import { diskId, systemMib } from './guest/overlay.js';
import { type Machine, type MachineSpec, startMachine } from './machine.js';
import { run } from './programs.js';

// The geometry of Raspberry Pi OS: the first partition begins after 8 MiB.
const sectorBytes = 512;
const boot = { firstSector: 16_384, sectors: 1_048_576, type: 0x0c };
const system = { firstSector: 1_064_960, sectors: systemMib * 2048, type: 0x83 };
const bootAt = boot.firstSector * sectorBytes;

export interface CardImage {
  readonly guest: Guest;
  /** What it reads at its first boot. */
  readonly format: 'cloud-init' | 'firstrun';
  readonly path: string;
  /** For temporary files. */
  readonly folder: string;
}

/** Makes an image of Raspberry Pi OS's shape, as one would download it: neither flashed nor booted. */
export async function makeCardImage({ guest, format, path, folder }: CardImage): Promise<void> {
  rmSync(path, { force: true });
  writeFileSync(path, masterBootRecord());
  truncateSync(path, (system.firstSector + system.sectors) * sectorBytes);
  const fat = ['-F', '32', '-s', '1', '-n', 'bootfs', '--offset', String(boot.firstSector), path];
  await run('dosfstools', 'mkfs.fat', [...fat, String((boot.sectors * sectorBytes) / 1024)]);
  const files = { 'cmdline.txt': cmdline, 'config.txt': config, ...seeds[format] };
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(folder, name), text);
    await run('mtools', 'mcopy', ['-i', partitionOf(path), join(folder, name), `::${name}`]);
  }
  await run('mtools', 'mcopy', ['-i', partitionOf(path), guest.kernel, '::kernel8.img']);
  await run('mtools', 'mcopy', ['-i', partitionOf(path), guest.initrd, '::initramfs8']);
  const at = ['bs=1M', 'conv=sparse,notrunc', `seek=${(system.firstSector * sectorBytes) / 2 ** 20}`];
  await runCommand('dd', [`if=${guest.system}`, `of=${path}`, ...at], { withinMs: 600_000 });
}

// `net.ifnames=0` gives the wire the name that it has on a Pi, and without the driver of the emulated clock the machine
// wakes up as a Pi does: in the year of its systemd.
const cmdline = [
  ...['console=serial0,115200', 'console=ttyAMA0', `root=PARTUUID=${diskId}-02`, 'rootfstype=ext4', 'fsck.repair=yes'],
  ...['rootwait', 'net.ifnames=0', 'initcall_blacklist=pl031_driver_init\n'],
].join(' ');
const config =
  '# For more options and information see\n# http://rptl.io/configtxt\nauto_initramfs=1\narm_64bit=1\n\n[all]\n';

/** What an image brings that is configured by cloud-init; comments only, as it comes. */
const seeds: Readonly<Record<CardImage['format'], Readonly<Record<string, string>>>> = {
  'cloud-init': {
    'user-data': '#cloud-config\n# See https://cloudinit.readthedocs.io/\n',
    'meta-data': 'dsmode: local\ninstance_id: rpios-image\n',
    'network-config': '# network:\n#   version: 2\n',
  },
  firstrun: {},
};

function masterBootRecord(): Buffer {
  const sector = Buffer.alloc(sectorBytes);
  sector.writeUInt32LE(Number.parseInt(diskId, 16), 0x1b8);
  [boot, system].forEach(({ type, firstSector, sectors }, i) => {
    const entry = 0x1be + 16 * i;
    sector[entry + 4] = type;
    sector.writeUInt32LE(firstSector, entry + 8);
    sector.writeUInt32LE(sectors, entry + 12);
  });
  sector.writeUInt16LE(0xaa55, 0x1fe);
  return sector;
}

const partitionOf = (image: string): string => `${image}@@${bootAt}`;

/** A card in a reader: its boot partition, read by mtools. */
export interface Card {
  /** Paths of all files of the boot partition, sorted. */
  files(): Promise<string[]>;
  read(path: string): Promise<string>;
  /** Whether these bytes are anywhere in the boot partition, in files that are gone too. */
  holds(bytes: Buffer): boolean;
  /** Puts it into a machine and switches that on, as the firmware of a Pi does: kernel and command line come off the card. */
  boot(how: BootOptions): Promise<Machine>;
}

export type BootOptions = Pick<MachineSpec, 'name' | 'forwards' | 'console'>;

export function openCard(image: string, folder: string): Card {
  const copyOf = async (path: string, name: string) => {
    const to = join(folder, name);
    await run('mtools', 'mcopy', ['-n', '-o', '-i', partitionOf(image), `::${path}`, to]);
    return to;
  };
  return {
    read: async (path) => readFileSync(await copyOf(path, 'read-from-card'), 'utf8'),
    files: async () => {
      const listing = await run('mtools', 'mdir', ['-/', '-b', '-i', partitionOf(image), '::']);
      return listing
        .split('\n')
        .flatMap((line) => (/^::\/.*[^/]$/.test(line) ? [line.slice(3)] : []))
        .sort();
    },
    holds: (bytes) => holds(image, bytes),
    boot: async (how) => {
      const kernel = await copyOf('kernel8.img', 'kernel');
      const initrd = await copyOf('initramfs8', 'initrd');
      const append = readFileSync(await copyOf('cmdline.txt', 'append'), 'utf8').trim();
      return startMachine({ ...how, disk: image, kernel, initrd, append });
    },
  };
}

function holds(image: string, bytes: Buffer): boolean {
  const chunk = Buffer.alloc(2 ** 22);
  const file = openSync(image, 'r');
  try {
    const end = bootAt + boot.sectors * sectorBytes;
    // A little of each chunk is read again with the next, for what lies across their border.
    for (let at = bootAt; at < end; at += chunk.length - bytes.length) {
      const got = readSync(file, chunk, 0, Math.min(chunk.length, end - at), at);
      if (chunk.subarray(0, got).includes(bytes)) return true;
    }
    return false;
  } finally {
    closeSync(file);
  }
}
