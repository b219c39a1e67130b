/** A file of an initramfs. */
export interface CpioEntry {
  readonly path: string;
  readonly bytes: Uint8Array;
}

const folderMode = 0o040755;
const fileMode = 0o100755;

/** An archive as the kernel unpacks it at its start (cpio, "newc"); folders are made as the paths need them. */
export function cpioOf(entries: readonly CpioEntry[]): Buffer {
  const folders = new Set(entries.flatMap(({ path }) => parentsOf(path)));
  const chunks = [
    ...[...folders].sort().map((path, i) => record(path, folderMode, Buffer.alloc(0), i + 1)),
    ...entries.map(({ path, bytes }, i) => record(path, fileMode, bytes, folders.size + i + 1)),
    record('TRAILER!!!', 0, Buffer.alloc(0), 0),
  ];
  return Buffer.concat(chunks);
}

function parentsOf(path: string): string[] {
  const names = path.split('/').slice(0, -1);
  return names.map((_, i) => names.slice(0, i + 1).join('/'));
}

function record(path: string, mode: number, bytes: Uint8Array, inode: number): Buffer {
  const name = Buffer.from(`${path}\0`);
  const fields = [inode, mode, 0, 0, 1, 0, bytes.length, 0, 0, 0, 0, name.length, 0];
  const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`;
  return Buffer.concat([padded(Buffer.concat([Buffer.from(header), name])), padded(bytes)]);
}

function padded(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}
