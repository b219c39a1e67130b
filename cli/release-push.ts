import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { request as requestHttp, type OutgoingHttpHeaders } from 'node:http';
import { request as requestHttps } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { releaseFiles } from '#core/contract/release-files.js';
import {
  releaseManifestSchema,
  signedReleaseSchema,
  type ReleaseManifest,
  type SignedRelease,
} from '#core/contract/release.js';
import { messageOf } from '#core/runtime/errors.js';
import type { Told } from './device-registry.js';
import { UsageError } from './fail.js';
import { AnsweredError, askOperator, type OperatorApi } from './operator.js';

interface LaidRelease {
  readonly release: SignedRelease;
  readonly manifest: ReleaseManifest;
}

export interface PushOptions {
  /** A folder of releases, as `fieldline release build --out` makes one. */
  readonly folder: string;
  /** Those of this version only. */
  readonly version?: string | undefined;
  readonly say: (line: string) => void;
}

const stalledAfterMs = 120_000;

/** Brings releases to a gateway: the parts that it does not have, then the manifests. Throws UsageError if there is none. */
export async function pushReleases(api: OperatorApi, { folder, version, say }: PushOptions): Promise<Told> {
  const all = await releasesIn(folder);
  const wanted = all.filter(({ manifest }) => version === undefined || manifest.version === version);
  if (wanted.length === 0) {
    const there = all.map(({ manifest }) => manifest.version).join(', ') || 'none';
    throw new UsageError(`no release${version === undefined ? '' : ` ${version}`} in ${folder}; there: ${there}`);
  }
  // A wrong token is told before megabytes are on their way.
  await askOperator(api, 'GET', '/api/v1/releases');
  const result = [];
  for (const laid of wanted) result.push(await pushOne(api, folder, laid, say));
  const lines = result.map(({ version: one, arch, sent }) => `${one} for ${arch} is there; ${sent} bytes were sent.`);
  return { text: lines.join('\n'), result };
}

async function pushOne(api: OperatorApi, folder: string, laid: LaidRelease, say: PushOptions['say']) {
  const { version, arch, parts } = laid.manifest;
  let sent = 0;
  for (const { name, sha256, bytes } of parts) {
    if (await isThere(api, sha256)) continue;
    say(`sending ${name} of ${version} for ${arch}: ${(bytes / 1e6).toFixed(1)} MB`);
    await putPart(api, join(folder, releaseFiles.part(sha256)), sha256);
    sent += bytes;
  }
  const path = `/api/v1/releases/${encodeURIComponent(version)}/${arch}`;
  await askOperator(api, 'PUT', path, Buffer.from(JSON.stringify(laid.release)));
  return { version, arch, sent };
}

async function isThere({ http }: OperatorApi, sha256: string): Promise<boolean> {
  const url = new URL(`/releases/${sha256}`, http);
  const response = await fetch(url, { method: 'HEAD' }).catch((cause: unknown) => {
    throw new Error(`no answer from ${url.origin}: start the gateway first, or name its address with --http`, {
      cause,
    });
  });
  return response.ok;
}

async function putPart({ http, token }: OperatorApi, file: string, sha256: string): Promise<void> {
  const url = new URL(`/api/v1/releases/parts/${sha256}`, http);
  const { size } = await stat(file);
  const { status, body } = await upload(url, file, { authorization: `Bearer ${token}`, 'content-length': size });
  if (status === 200) return;
  const { error = 'no reason' } = (jsonOf(body) ?? {}) as { error?: string };
  throw new AnsweredError(status, `${url.origin} answered ${status}: ${error}`);
}

/** For as long as it moves: `fetch` gives up after five minutes, and a line may be slow. */
function upload(url: URL, file: string, headers: OutgoingHttpHeaders): Promise<{ status: number; body: string }> {
  const request = url.protocol === 'https:' ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const sending = request(url, { method: 'PUT', headers, agent: false });
    sending.setTimeout(stalledAfterMs, () => sending.destroy(new Error('nothing moved for two minutes')));
    sending.once('error', (cause) =>
      reject(new Error(`${url.origin}: the part was not taken: ${messageOf(cause)}`, { cause })),
    );
    // It may come before all is sent, as a refusal does.
    sending.once('response', (answer) => {
      text(answer).then((body) => resolve({ status: answer.statusCode ?? 0, body }), reject);
    });
    const source = createReadStream(file).once('error', (error) => sending.destroy(error));
    source.pipe(sending).once('close', () => source.destroy());
  });
}

async function releasesIn(folder: string): Promise<LaidRelease[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json')).sort();
  const found: LaidRelease[] = [];
  for (const name of names) {
    const release = signedReleaseSchema.safeParse(jsonOf(await readFile(join(folder, name), 'utf8')));
    const manifest = releaseManifestSchema.safeParse(release.success ? jsonOf(release.data.signed) : undefined);
    if (release.success && manifest.success) found.push({ release: release.data, manifest: manifest.data });
  }
  return found;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
