import { gzipSync } from 'node:zlib';
import { pack, type Header } from 'tar-stream';
import type { ReleaseArch } from '#core/contract/release.js';
import type { BootFile } from '../image/boot-partition.js';
import { arArchive } from './ar.js';
import { controlFile, maintainerScripts } from './deb-control.js';

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
  const control = await archive([
    { name: './control', bytes: Buffer.from(controlFile(files, options)), mode: 0o644 },
    ...Object.entries(maintainerScripts).map(([name, text]) => ({
      name: `./${name}`,
      bytes: Buffer.from(text),
      mode: 0o755,
    })),
  ]);
  const data = await archive([
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

interface Entry {
  readonly name: string;
  readonly bytes?: Uint8Array;
  readonly mode: number;
}

function folderEntry(name: string): Entry {
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

async function archive(entries: readonly Entry[]): Promise<Buffer> {
  const tar = pack();
  for (const { name, bytes, mode } of entries) {
    const header: Partial<Header> & { name: string } = {
      name,
      mode,
      mtime: new Date(0),
      uid: 0,
      gid: 0,
      uname: 'root',
      gname: 'root',
    };
    if (bytes === undefined) tar.entry({ ...header, type: 'directory' });
    else tar.entry(header, Buffer.from(bytes));
  }
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
