export interface ArMember {
  /** At most 15 characters. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** An `ar` archive as dpkg wants it [deb(5)]: no time, owner root. */
export function arArchive(members: readonly ArMember[]): Uint8Array {
  const chunks: Uint8Array[] = [Buffer.from('!<arch>\n')];
  for (const { name, bytes } of members) {
    const fields = [name.padEnd(16), '0'.padEnd(12), '0'.padEnd(6), '0'.padEnd(6), '100644'.padEnd(8)];
    chunks.push(Buffer.from(`${fields.join('')}${String(bytes.length).padEnd(10)}\`\n`), bytes);
    if (bytes.length % 2 === 1) chunks.push(Buffer.from('\n'));
  }
  return Buffer.concat(chunks);
}
