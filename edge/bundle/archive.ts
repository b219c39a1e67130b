import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';

/** A file of a part: path with `/`, relative to where it is unpacked. */
export interface PartFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly executable?: boolean;
}

/** A file takes whole blocks of the disk. */
const blockBytes = 4096;

/** A tar of the files in the order of their paths, with no times and no owner, so that the same files give the same bytes. */
export async function tarOf(files: readonly PartFile[]): Promise<Uint8Array> {
  const archive = pack();
  const bytes = buffer(archive);
  const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : 1));
  for (const { path, bytes: content, executable } of sorted) {
    const header = { name: path, mode: executable ? 0o755 : 0o644, uid: 0, gid: 0, mtime: new Date(0) };
    await new Promise<void>((resolve, reject) => {
      archive.entry(header, Buffer.from(content), (error) => (error ? reject(error) : resolve()));
    });
  }
  archive.finalize();
  return bytes;
}

/** What the files take on disk. */
export function unpackedBytes(files: readonly PartFile[]): number {
  return files.reduce((sum, { bytes }) => sum + Math.ceil(bytes.length / blockBytes) * blockBytes, 0);
}
