import { execFile } from 'node:child_process';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { extract } from 'tar-stream';
import { signRelease } from '../../core/contract/release.js';
import { type PartFile, tarOf, unpackedBytes } from '../../edge/bundle/archive.js';
import { hashOf, openRelease, readParts, writeRelease } from '../../edge/bundle/release-folder.js';
import { xz } from '../../edge/bundle/xz.js';

const execute = promisify(execFile);

export interface Alteration {
  readonly from: string;
  readonly version: string;
  /** The agent of the new one, made of that of the old one. */
  readonly agent: (code: string) => string;
}

/** A release for arm64 in the same folder and under the same key, whose agent is another. */
export async function alterRelease(releases: string, keyFile: string, how: Alteration): Promise<void> {
  const privateKey = createPrivateKey(await readFile(keyFile));
  const which = { version: how.from, arch: 'arm64' } as const;
  const base = await openRelease(releases, which, createPublicKey(privateKey));
  const { manifest, parts } = base;
  const app = manifest.parts.find(({ name }) => name === 'app')!;
  const files = (await unpack(parts.get(app.sha256)!)).map((file) =>
    file.path === 'agent.mjs' ? { ...file, bytes: Buffer.from(how.agent(Buffer.from(file.bytes).toString())) } : file,
  );
  const archive = await xz(await tarOf(files));
  const altered = {
    ...{ name: 'app' as const, bytes: archive.length, sha256: hashOf(archive) },
    unpackedBytes: unpackedBytes(files),
  };
  const news = {
    ...manifest,
    version: how.version,
    parts: manifest.parts.map((part) => (part.name === 'app' ? altered : part)),
  };
  const archives = await readParts(base);
  archives.set(altered.sha256, archive);
  await writeRelease(releases, signRelease(news, privateKey), news, archives);
}

async function unpack(part: string): Promise<PartFile[]> {
  const { stdout } = await execute('xz', ['-dc', part], { encoding: 'buffer', maxBuffer: 2 ** 26 });
  const files: PartFile[] = [];
  const reader = extract();
  reader.end(stdout);
  for await (const entry of reader) {
    const bytes = await buffer(entry);
    if (entry.header.type === 'file') {
      files.push({ path: entry.header.name, bytes, executable: ((entry.header.mode ?? 0) & 0o100) !== 0 });
    }
  }
  return files;
}
