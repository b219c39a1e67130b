import { createHash, type KeyObject } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { xz } from '@napi-rs/lzma';
import { extract, pack } from 'tar-stream';
import { onTestFinished } from 'vitest';
import {
  signRelease,
  type DesiredRelease,
  type ReleaseManifest,
  type ReleasePart,
} from '../../core/contract/release.js';
import { buildRelease } from '../../edge/bundle/build-release.js';
import type { ReleaseOnDisk } from '../../edge/bundle/release.js';

/** Releases made of the sources, of which others are made by changing what is inside. */
export interface TestReleases {
  readonly first: ReleaseOnDisk;
  /** The same agent under another version; `over` changes the manifest before it is signed. */
  again(version: string, over?: Partial<ReleaseManifest>, key?: KeyObject): ReleaseOnDisk;
  /** One whose agent is another program; the real one lies beside it as `real.mjs`. */
  withAgent(version: string, code: string): Promise<ReleaseOnDisk>;
  /** One that brings a Node, which is a script that starts ours. */
  withRuntime(version: string): Promise<ReleaseOnDisk>;
}

export async function testReleases(folder: string, privateKey: KeyObject): Promise<TestReleases> {
  const first = await buildRelease({
    ...{ arch: 'x64', releases: folder, privateKey, version: '1.0.0', nodeRuntime: 'system' },
  });
  const again: TestReleases['again'] = (version, over = {}, key = privateKey) => {
    const manifest = { ...first.manifest, version, ...over };
    return { ...first, manifest, release: signRelease(manifest, key) };
  };
  return {
    first,
    again,
    async withAgent(version, code) {
      const app = first.manifest.parts[0]!;
      const archive = await repack(await readFile(first.parts.get(app.sha256)!), code);
      const { part, file } = await keepPart(folder, archive, 'app', app.unpackedBytes + 65_536);
      return { ...again(version, { parts: [part] }), parts: new Map([[part.sha256, file]]) };
    },
    async withRuntime(version) {
      const out = pack();
      out.entry({ name: 'bin/node', mode: 0o755 }, `#!/bin/sh\nexec ${process.execPath} "$@"\n`);
      out.entry({ name: 'LICENSE' }, 'as it is');
      out.finalize();
      const { part, file } = await keepPart(
        folder,
        await xz.compress(await buffer(out as AsyncIterable<Buffer>)),
        'runtime',
        65_536,
      );
      const made = again(version, { parts: [...first.manifest.parts, part] });
      return { ...made, parts: new Map([...first.parts, [part.sha256, file]]) };
    },
  };
}

async function keepPart(folder: string, archive: Uint8Array, name: ReleasePart['name'], unpackedBytes: number) {
  const sha256 = createHash('sha256').update(archive).digest('hex');
  const file = join(folder, 'parts', sha256);
  await mkdir(join(folder, 'parts'), { recursive: true });
  await writeFile(file, archive);
  return { part: { name, bytes: archive.length, sha256, unpackedBytes }, file };
}

async function repack(archive: Uint8Array, code: string): Promise<Uint8Array> {
  const files = extract();
  files.end(await xz.decompress(archive));
  const out = pack();
  for await (const file of files) {
    const content = await buffer(file as AsyncIterable<Buffer>);
    const name = file.header.name === 'agent.mjs' ? 'real.mjs' : file.header.name;
    out.entry({ name, type: file.header.type, mode: file.header.mode }, content);
  }
  out.entry({ name: 'agent.mjs' }, code);
  out.finalize();
  return xz.compress(await buffer(out as AsyncIterable<Buffer>));
}

/** Serves the parts of a folder, with ranges. */
export async function servePartsOf(folder: string): Promise<string> {
  const server = createServer((request, response) => {
    const name = (request.url ?? '').split('/').at(-1)!;
    void readFile(join(folder, 'parts', name)).then(
      (bytes) => {
        const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
        const range = { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` };
        response.writeHead(from > 0 ? 206 : 200, { etag: `"${name}"`, ...(from > 0 && range) });
        response.end(bytes.subarray(from));
      },
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/releases`;
}

export function desired(of: ReleaseOnDisk, id: string, source: string, trialMs = 60_000): DesiredRelease {
  return { type: 'fieldline-desired-release', format: 1, release: of.release, sources: [source], trialMs, id };
}
