/** The disk signature by which `cmdline.txt` and `fstab` find the partitions. */
export const diskId = '12345678';
/** The size of the system partition. */
export const systemMib = 1536;

/** Raspberry Pi OS follows these; the newer one is told of its first boot by cloud-init. */
export type GuestSuite = 'bookworm' | 'trixie';

const common = [
  ...['systemd', 'systemd-sysv', 'udev', 'dbus', 'kmod', 'linux-image-arm64', 'initramfs-tools', 'busybox-static'],
  ...['iproute2', 'network-manager', 'systemd-timesyncd', 'ca-certificates', 'xz-utils', 'sudo', 'tzdata'],
  ...['e2fsprogs', 'dosfstools', 'libstdc++6', 'libatomic1', 'rfkill'],
];

/** What the system partition of a Pi has, as far as first boot and the agent can tell. */
export const guestPackages: Readonly<Record<GuestSuite, readonly string[]>> = {
  trixie: [...common, 'cloud-init', 'netplan.io'],
  bookworm: common,
};

const bootModules = ['virtio_pci', 'virtio_blk', 'virtio_net', 'virtio_console', 'ext4', 'crc32c_generic', 'vfat'];

// An emulated processor would spend minutes on what no Pi has.
const unusedModules = [
  ...['sound', 'fs/xfs', 'fs/btrfs', 'fs/ocfs2', 'fs/ceph', 'fs/nfsd', 'net/bluetooth', 'net/mac80211'],
  ...['gpu', 'media', 'infiniband', 'scsi', 'staging', 'net/ethernet', 'net/wireless', 'ata', 'mtd', 'hwmon'].map(
    (name) => `drivers/${name}`,
  ),
];

/** Files that are there before the packages are configured, by path. */
export function guestOverlay(suite: GuestSuite): Readonly<Record<string, string>> {
  return { ...files, ...(suite === 'trixie' ? cloudInitFiles : {}) };
}

const files = {
  'etc/fstab': [
    'proc /proc proc defaults 0 0',
    `PARTUUID=${diskId}-01 /boot/firmware vfat defaults 0 2`,
    `PARTUUID=${diskId}-02 / ext4 defaults,noatime 0 1\n`,
  ].join('\n'),
  'boot/firmware/.keep': '',
  'etc/hostname': 'raspberrypi\n',
  'etc/hosts': '127.0.0.1 localhost\n127.0.1.1 raspberrypi\n',
  'etc/dpkg/dpkg.cfg.d/small': [
    ...['doc', 'man', 'locale', 'info'].map((name) => `usr/share/${name}`),
    ...unusedModules.map((name) => `*/modules/*/kernel/${name}`),
  ]
    .map((path) => `path-exclude=/${path}/*\n`)
    .join(''),
  'etc/dpkg/dpkg.cfg.d/fast': 'force-unsafe-io\n',
  'etc/initramfs-tools/conf.d/guest': 'MODULES=list\nCOMPRESS=gzip\nFSTYPE=ext4\n',
  'etc/initramfs-tools/modules': `${bootModules.join('\n')}\n`,
  'etc/systemd/journald.conf.d/console.conf':
    '[Journal]\nStorage=persistent\nForwardToConsole=yes\nTTYPath=/dev/ttyAMA0\nMaxLevelConsole=info\n',
  'etc/systemd/system/fieldline-test-shell.service': [
    '[Unit]\nDescription=The test looks at the machine from inside\nDefaultDependencies=no\nAfter=systemd-udevd.service',
    '[Service]\nEnvironment=HOME=/root',
    // It can be opened once only.
    "ExecStart=/bin/sh -c 'exec /bin/sh <>/dev/virtio-ports/fieldline.test >&0 2>&0'",
    'Restart=always\nRestartSec=1\n[Install]\nWantedBy=sysinit.target\n',
  ].join('\n'),
};

// As on Raspberry Pi OS: the seed is the boot partition, which is there before cloud-init looks.
const cloudInitFiles = {
  'etc/cloud/cloud.cfg.d/99_raspberry-pi.cfg':
    'datasource_list: [NoCloud, None]\ndatasource:\n  NoCloud:\n    seedfrom: file:///boot/firmware\n',
  ...Object.fromEntries(
    ['cloud-init-local', 'cloud-init-main'].map((unit) => [
      `etc/systemd/system/${unit}.service.d/boot-partition.conf`,
      '[Unit]\nRequiresMountsFor=/boot/firmware\n',
    ]),
  ),
};
