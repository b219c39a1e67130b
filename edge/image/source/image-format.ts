import { RejectedError } from '#core/runtime/errors.js';
import type { ImageFormat } from './image-source.js';

const packed: readonly { readonly format: ImageFormat; readonly begins: readonly number[] }[] = [
  { format: 'xz', begins: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] },
  { format: 'gz', begins: [0x1f, 0x8b, 0x08] },
  { format: 'zip', begins: [0x50, 0x4b, 0x03, 0x04] },
];

/** What people also have at hand. */
const others: readonly { readonly what: string; readonly begins: string }[] = [
  { what: 'an empty zip file', begins: 'PK\x05\x06' },
  { what: 'one part of a zip file in several parts', begins: 'PK\x07\x08' },
  { what: 'a zstd file (unpack it with `unzstd` first)', begins: '\x28\xb5\x2f\xfd' },
  { what: 'a bzip2 file (unpack it with `bunzip2` first)', begins: 'BZh' },
  { what: 'a 7z file (unpack it first)', begins: '7z\xbc\xaf\x27\x1c' },
  { what: 'a RAR file (unpack it first)', begins: 'Rar!' },
  { what: 'a qcow2 disk of a virtual machine (convert it with `qemu-img convert -O raw` first)', begins: 'QFI\xfb' },
  { what: 'a web page: the download was answered with a page instead of the image', begins: '<' },
];

/** How a file is packed, by its first 512 bytes; what is neither packed nor begins as a disk does is refused. */
export function imageFormatOf(path: string, head: Uint8Array): ImageFormat {
  const known = packed.find(({ begins }) => begins.every((byte, at) => head[at] === byte));
  if (known) return known.format;
  if (head[510] === 0x55 && head[511] === 0xaa) return 'img';
  const text = Buffer.from(head).toString('latin1');
  const other = others.find(({ begins }) => text.startsWith(begins))?.what;
  if (head.length === 0) throw new RejectedError('refused', `${path} is empty`);
  if (other)
    throw new RejectedError('refused', `${path} is ${other}, not the image of a card (.img, .xz, .gz or .zip)`);
  throw new RejectedError(
    'refused',
    `${path} is not the image of a card: it has no partition table and is not packed by xz, gzip or zip`,
  );
}
