import { gzipSync } from 'node:zlib';
import type { ReleaseArch } from '#core/contract/release.js';
import type { BootFile } from '../image/boot-partition.js';
import { arArchive } from './ar.js';
import { controlFile, maintainerScripts } from './deb-control.js';
import { tarArchive, type TarEntry } from './tar-archive.js';

export interface DebOptions {
  /** Of the release. */
  readonly version: string;
  readonly arch: ReleaseArch;
  /** In whose name; a line of RFC 5322. Default: of Fieldline. */
  readonly maintainer?: string;
  /** Whether the release brings no Node of its own, and so needs the system's; its lowest version. */
  readonly systemNode?: string;
}

/** Where the package puts the installer's folder. */
export const debFolder = '/usr/share/fieldline-edge';

/**
 * A Debian package of the installer's files: what it unpacks, its `postinst` installs. The same files give the same bytes.
 * It holds the secrets of one device, if the files do.
 */
export async function debianPackage(files: readonly BootFile[], options: DebOptions): Promise<Uint8Array> {
  const control = await tarArchive([
    { name: './control', bytes: Buffer.from(controlFile(files, options)), mode: 0o644 },
    ...Object.entries(maintainerScripts).map(([name, text]) => ({
      name: `./${name}`,
      bytes: Buffer.from(text),
      mode: 0o755,
    })),
  ]);
  const data = await tarArchive([
    ...['./', './usr/', './usr/share/', `.${debFolder}/`].map(folderEntry),
    ...foldersOf(files).map((path) => folderEntry(`.${debFolder}/${path}/`)),
    ...files.map(({ path, bytes }) => ({
      name: `.${debFolder}/${withoutRoot(path)}`,
      bytes,
      mode: path.includes('/secrets/') ? 0o600 : 0o644,
    })),
  ]);
  return arArchive([
    { name: 'debian-binary', bytes: Buffer.from('2.0\n') },
    { name: 'control.tar.gz', bytes: gzipSync(control, { level: 9 }) },
    // The parts in it are packed already.
    { name: 'data.tar', bytes: data },
  ]);
}

function folderEntry(name: string): TarEntry {
  return { name, mode: name.endsWith('/secrets/') ? 0o700 : 0o755 };
}

/** Paths of the installer begin with `fieldline/`. */
function withoutRoot(path: string): string {
  return path.replace(/^fieldline\//, '');
}

function foldersOf(files: readonly BootFile[]): string[] {
  const folders = files.map(({ path }) => withoutRoot(path)).filter((path) => path.includes('/'));
  return [...new Set(folders.map((path) => path.slice(0, path.lastIndexOf('/'))))].sort();
}
