import { createHash } from 'node:crypto';
import type { BootFile, BootPartition } from '../../edge/image/boot-partition.js';

/** A boot partition in memory, as a Map from path to bytes. */
export class BootFolder implements BootPartition {
  readonly files = new Map<string, Uint8Array>();

  constructor(files: Readonly<Record<string, string>> = {}) {
    for (const [path, text] of Object.entries(files)) this.write({ path, bytes: Buffer.from(text) });
  }

  read(path: string): Uint8Array | undefined {
    return this.files.get(path.toLowerCase());
  }

  sha256(path: string): string | undefined {
    const bytes = this.read(path);
    return bytes && createHash('sha256').update(bytes).digest('hex');
  }

  list(folder = ''): readonly string[] {
    const prefix = folder === '' ? '' : `${folder.toLowerCase()}/`;
    const below = [...this.files.keys()]
      .filter((path) => path.startsWith(prefix))
      .map((path) => path.slice(prefix.length));
    return [...new Set(below.map((path) => path.replace(/\/.*/, '/')))];
  }

  write({ path, bytes }: BootFile): void {
    this.files.set(path.toLowerCase(), bytes);
  }

  remove(path: string): void {
    this.files.delete(path.toLowerCase());
  }

  freeBytes(): number {
    return 1 << 30;
  }
}

// As pi-gen makes them, without their comments.
export const bookworm = {
  'cmdline.txt':
    'console=serial0,115200 console=tty1 root=PARTUUID=12345678-02 rootfstype=ext4 fsck.repair=yes rootwait quiet init=/usr/lib/raspberrypi-sys-mods/firstboot\n',
  'config.txt': '#dtparam=i2c_arm=on\ndtparam=audio=on\nauto_initramfs=1\n[cm4]\notg_mode=1\n[all]\n',
  initramfs8: 'x',
};
export const bullseye = {
  'cmdline.txt':
    'console=serial0,115200 console=tty1 root=PARTUUID=12345678-02 rootfstype=ext4 fsck.repair=yes rootwait',
  'config.txt': '# see /boot/overlays/README\ndtparam=audio=on\n[pi4]\ndtoverlay=vc4-fkms-v3d',
};
export const trixie = {
  ...bookworm,
  'user-data': '#cloud-config\n',
  'meta-data': 'instance_id: rpios-image\n',
  'network-config': '',
};
