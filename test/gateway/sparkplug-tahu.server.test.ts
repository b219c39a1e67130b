import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Registry } from 'prom-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { cloudConfigSchema, createIngest } from '../../cloud/main.js';
import { ingestGroup, ingestTopics } from '../../cloud/ingest/ingest.js';
import { credentialKey, tokenOf } from '../../core/contract/credentials.js';
import { logTopics } from '../../core/contract/log-topics.js';
import { LocalLog } from '../../core/log/local-log.js';
import type { LogBatch, StoredRecord } from '../../core/log/log.js';
import { systemClock } from '../../core/runtime/clock.js';
import { silentLogger } from '../../core/runtime/logger.js';
import { hashToken } from '../../gateway/identity/token-hash.js';
import { createGateway, gatewayConfigSchema } from '../../gateway/main.js';
import { ensureServer, haveServers } from '../servers/ensure.js';
import { findJava } from '../servers/java.js';
import { spawnServer, tail as endOf } from '../servers/spawn-server.js';
import { waitFor } from '../servers/wait-for.js';
import { openStore } from '../support/open-store.js';
import { tempDir } from '../support/temp-dir.js';
import { secret } from './harness.js';

/** More than a sequence has numbers. */
const count = 260;
const startMs = Date.now();
const token = tokenOf('0123456789ab', Buffer.alloc(32, 7));
const base = { clock: systemClock, logger: silentLogger };

describe.skipIf(!(await haveServers('tahu')))('an edge node of Eclipse Tahu', () => {
  it('is born, sends, is asked for a rebirth, sends what is old, and dies: all of it is stored, once', async () => {
    const { log, store, ingest, port } = await startLine();
    const events = await follow(log);
    const edge = await startEdge(port, 9);
    const said = (word: string) => endOf(edge.logFile).split('\n').includes(word);
    const expected = expectedPoints();
    // It says so only after it was asked for a rebirth; what it said by then may still be on its way.
    await waitFor('its data to be sent', 60_000, () => said('done'));
    await waitFor('its data to be stored', 30_000, () => ingest.status().stage.out >= expected.size);
    await edge.kill9();
    const gone = ['tahu/press:2E9', 'tahu/press:2E9.Oven:201'];
    await waitFor('its death to be heard', 30_000, () => gone.every((device) => events.isOffline(device)));

    await waitFor('no more to come', 30_000, async () => (await log.lag(ingestGroup, ingestTopics)) === 0);
    expect(ingest.status().stage).toMatchObject({ dropped: 0, inFlight: 0 });
    const found = new Map<string, unknown>();
    let held = 0;
    for await (const page of store.points({}, { fromUs: 0, toUs: 2 ** 52 }, 'repeats')) {
      held += page.length;
      for (const { device, sensor, timeUs, value, text } of page)
        found.set(`${device} ${sensor} ${timeUs}`, text ?? value);
    }
    expect(found).toEqual(expected);
    expect(held).toBe(found.size);
    for (const [source, stored] of await store.ledger()) {
      expect(stored.size, source).toBe(stored.highest + 1);
    }
    expect(events.letters).toEqual([]);
  });
});

/** The gateway with a log on disk, and ingest behind it. */
async function startLine() {
  const log = new LocalLog({ directory: await tempDir(), ...base });
  await log.start();
  onTestFinished(() => log.stop(2000));
  await log.ensureTopics(Object.values(logTopics));
  const credential = { type: 'token', scrypt: await hashToken(token), createdUs: systemClock.nowUs() };
  const record = { key: credentialKey('tahu-1', '0123456789ab'), value: Buffer.from(JSON.stringify(credential)) };
  await log.append(logTopics.deviceEvents.name, [record]);

  const store = await openStore();
  const folder = await tempDir();
  const data = { file: (...names: string[]) => join(folder, ...names) };
  const config = cloudConfigSchema.parse({ rollups: { enabled: false } });
  const ingest = createIngest(config, { ...base, data, registry: new Registry(), log, store });
  await ingest.start();
  onTestFinished(() => ingest.stop(2000));

  const sources = [{ type: 'sparkplug', writers: ['tahu-1'], hostId: 'fieldline' }];
  const gatewayConfig = gatewayConfigSchema.parse({ mqtt: { port: 0 }, sources });
  const gateway = createGateway(gatewayConfig, { ...base, log, registry: new Registry(), secret });
  await gateway.start();
  onTestFinished(() => gateway.stop(1000));
  return { log, store, ingest, port: gateway.address().port };
}

async function startEdge(port: number, bdSeq: number) {
  const { path } = await ensureServer('tahu');
  const jars = readdirSync(path).map((jar) => join(path, jar));
  const source = fileURLToPath(new URL('tahu/TahuEdgeNode.java', import.meta.url));
  const args = [`tcp://127.0.0.1:${port}`, 'tahu-1', token, startMs, bdSeq, count];
  const edge = await spawnServer({
    name: 'tahu-edge',
    command: findJava().path,
    args: ['-XX:TieredStopAtLevel=1', '-cp', jars.join(':'), source, ...args.map(String)],
    folder: await tempDir(),
    ready: () => true,
    readyWithinMs: 10_000,
  });
  onTestFinished(() => edge.kill9());
  return edge;
}

/** What the log tells of devices, and what was set aside. */
async function follow(log: LocalLog) {
  const sessions = new Map<string, unknown>();
  const letters: unknown[] = [];
  const takeEvent = ({ key, value }: StoredRecord): void => {
    if (!/\/(birth|offline)\//.test(key)) return;
    sessions.set(key, (JSON.parse(Buffer.from(value).toString()) as { session: string }).session);
  };
  const onBatch = ({ topic, records }: LogBatch): void => {
    if (topic === logTopics.deviceEvents.name) records.forEach(takeEvent);
    else letters.push(...records.map(({ headers }) => headers));
  };
  const topics = [logTopics.deviceEvents.name, logTopics.deadLetters.name];
  const tail = await log.tail({ topics, from: 'beginning', onBatch });
  onTestFinished(() => tail.stop(1000));
  const isOffline = (device: string): boolean => {
    const [born, gone] = [sessions.get(`${device}/birth/current`), sessions.get(`${device}/offline/current`)];
    return born !== undefined && born === gone;
  };
  return { letters, isOffline };
}

/** What `TahuEdgeNode.java` says, as it is to be stored. */
function expectedPoints(): Map<string, unknown> {
  const points = new Map<string, unknown>();
  const add = (device: string, ms: number, values: Record<string, unknown>) => {
    for (const [sensor, value] of Object.entries(values)) points.set(`${device} ${sensor} ${ms * 1000}`, value);
  };
  const node = (n: number, ms: number) =>
    add('press:2E9', ms, { 'Motor.Temperature': n / 8, 'Motor.Offset': 0 - n, total: -4_000_000_000 - n });
  const oven = (n: number, ms: number) =>
    add('press:2E9.Oven:201', ms, { on: n % 2 === 0 ? 1 : 0, state: `run ${n}`, pressure: n * 25_000 });
  // Before the first value; the rebirth repeats the last ones.
  node(-1, startMs - 1);
  oven(-1, startMs - 1);
  const last = 2 * count + 1;
  for (let n = 0; n <= last; n++) {
    const ms = n === last ? startMs - 86_400_000 : startMs + n;
    if (n % 3 === 2) oven(n, ms);
    else node(n, ms);
  }
  return points;
}
