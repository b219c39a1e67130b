import { pack, type Header } from 'tar-stream';

export interface TarEntry {
  /** A folder ends with `/` and has no bytes. */
  readonly name: string;
  readonly bytes?: Uint8Array;
  readonly mode: number;
}

/** All of root, and without times: the same entries give the same bytes. */
export async function tarArchive(entries: readonly TarEntry[]): Promise<Buffer> {
  const tar = pack();
  for (const { name, bytes, mode } of entries) {
    const header: Partial<Header> & { name: string } = {
      ...{ name, mode, mtime: new Date(0), uid: 0, gid: 0, uname: 'root', gname: 'root' },
    };
    if (bytes === undefined) tar.entry({ ...header, type: 'directory' });
    else tar.entry(header, Buffer.from(bytes));
  }
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
