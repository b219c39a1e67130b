import type { ReleaseArch } from '#core/contract/release.js';
import type { BootFile } from '../image/boot-partition.js';
import type { DebOptions } from './deb.js';

const debianArch: Record<ReleaseArch, string> = { arm64: 'arm64', armv7l: 'armhf', x64: 'amd64' };

export function controlFile(files: readonly BootFile[], options: DebOptions): string {
  const depends = [
    'xz-utils',
    'passwd',
    ...(options.systemNode === undefined ? [] : [`nodejs (>= ${options.systemNode})`]),
  ];
  const lines = [
    'Package: fieldline-edge',
    `Version: ${debianVersion(options.version)}`,
    `Architecture: ${debianArch[options.arch]}`,
    `Maintainer: ${options.maintainer ?? 'Fieldline <fieldline@localhost>'}`,
    `Installed-Size: ${Math.ceil(files.reduce((sum, { bytes }) => sum + bytes.length, 0) / 1024)}`,
    `Depends: ${depends.join(', ')}`,
    'Section: net',
    'Priority: optional',
    'Description: Fieldline edge agent',
    ' Reads sensors, keeps the readings on disk and sends each of them to a gateway.',
    ' This package is made for one device.',
  ];
  return `${lines.join('\n')}\n`;
}

/** A version begins with a digit, and a hyphen in it would begin a revision [Debian Policy, 5.6.12]. */
function debianVersion(version: string): string {
  const text = version.replaceAll('-', '~').replaceAll('_', '.');
  return /^[0-9]/.test(text) ? text : `0.${text}`;
}

// dpkg --root says where in DPKG_ROOT; on the device itself it is empty.
const start = '#!/bin/sh\nset -eu\nroot=${DPKG_ROOT:-}\nFIELDLINE_ROOT=$root\nexport FIELDLINE_ROOT\n';

/** Removing leaves the data and the configuration; purging takes them. */
export const maintainerScripts: Readonly<Record<'postinst' | 'prerm' | 'postrm', string>> = {
  postinst: `${start}if [ "$1" = configure ]; then
  sh "$root/usr/share/fieldline-edge/install.sh" --once
fi
`,
  prerm: `${start}if [ "$1" = remove ]; then
  sh "$root/usr/share/fieldline-edge/uninstall.sh"
fi
`,
  postrm: `${start}if [ "$1" = purge ]; then
  rm -rf "$root/etc/fieldline" "$root/var/lib/fieldline"
  if [ -z "$root" ] && getent passwd fieldline >/dev/null; then userdel fieldline; fi
fi
`,
};
