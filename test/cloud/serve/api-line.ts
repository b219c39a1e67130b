import { request, type IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { onTestFinished } from 'vitest';
import { Ingest, ingestGroup, ingestTopics } from '../../../cloud/ingest/ingest.js';
import { Parking } from '../../../cloud/ingest/parking.js';
import { ApiServer, type ApiServerOptions } from '../../../cloud/serve/api-server.js';
import { Fleet } from '../../../cloud/serve/fleet.js';
import { logTopics } from '../../../core/contract/log-topics.js';
import { systemClock } from '../../../core/runtime/clock.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import type { FaultyStore } from '../../support/faulty-store.js';
import { MemoryLog } from '../../support/memory-log.js';
import { openStore } from '../../support/open-store.js';
import { tempDir } from '../../support/temp-dir.js';
import { waitFor } from '../../servers/wait-for.js';

/** A JSON answer, whose fields the assertions check. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Json = any;

/** Log, store, ingest, fleet and API, all started; everything stops when the test ends. */
export interface ApiLine {
  readonly log: MemoryLog;
  readonly store: FaultyStore;
  readonly fleet: Fleet;
  readonly api: ApiServer;
  readonly url: string;
  /** Resolves when what was sent is stored and shown. */
  settled(): Promise<void>;
  json(path: string): Promise<Json>;
  /** Rows of an export without the header row. */
  rows(path: string): Promise<unknown[][]>;
}

export async function startApiLine(over: Partial<ApiServerOptions> = {}): Promise<ApiLine> {
  const log = new MemoryLog();
  await log.start();
  await log.ensureTopics(Object.values(logTopics));
  const store = await openStore();
  const registry = new Registry();
  const seams = { log, store, clock: systemClock, logger: silentLogger, registry };
  const parking = new Parking({ path: join(await tempDir(), 'parking'), maxBytes: 1e6, maxBytesPerDevice: 1e6 });
  const ingest = new Ingest({ ...seams, parking, gatherMs: 1 });
  const fleet = new Fleet(seams);
  const stages = () => [ingest.status().stage];
  const latency = () => ingest.status().latencyMs;
  const api = new ApiServer({ ...seams, fleet, port: 0, stages, latency, ...over });
  for (const part of [fleet, ingest, api]) await part.start();
  onTestFinished(async () => {
    for (const part of [api, ingest, fleet]) await part.stop(1000);
  });
  const url = `http://127.0.0.1:${api.port}`;
  const settled = async (): Promise<void> => {
    await waitFor('all stored', 5000, async () => (await log.lag(ingestGroup, ingestTopics)) === 0, 2);
  };
  const json = async (path: string): Promise<Json> => (await fetch(url + path)).json();
  const rows = async (path: string): Promise<unknown[][]> =>
    (await (await fetch(url + path)).text())
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => JSON.parse(line) as unknown[]);
  return { log, store, fleet, api, url, settled, json, rows };
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A request with any headers and any path, which `fetch` would correct. */
export function rawRequest(
  port: number,
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, method, headers }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body }));
      response.on('error', reject);
    });
    sent.on('error', reject).end();
  });
}
