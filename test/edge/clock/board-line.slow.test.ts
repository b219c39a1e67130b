import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { Registry } from 'prom-client';
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import { Ingest, ingestGroup, ingestTopics } from '../../../cloud/ingest/ingest.js';
import { Parking } from '../../../cloud/ingest/parking.js';
import type { StoredPoint } from '../../../cloud/store/store.js';
import { clockSchema } from '../../../core/contract/device-events.js';
import { logTopics } from '../../../core/contract/log-topics.js';
import { decodePack } from '../../../core/contract/pack.js';
import { systemClock } from '../../../core/runtime/clock.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import { createGateway, gatewayConfigSchema } from '../../../gateway/main.js';
import { waitFor } from '../../servers/wait-for.js';
import type { FaultyStore } from '../../support/faulty-store.js';
import { MemoryLog } from '../../support/memory-log.js';
import { openStore } from '../../support/open-store.js';
import { tempDir } from '../../support/temp-dir.js';
import type { BoardArguments } from './board.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const program = join(root, 'node_modules/.cache', `board-${process.pid}.mjs`);
const mib = 1024 * 1024;

beforeAll(async () => {
  // Inside the project, or the child would not find the packages.
  const target = { platform: 'node', format: 'esm', packages: 'external' } as const;
  await build({
    ...target,
    bundle: true,
    conditions: ['source'],
    entryPoints: [join(root, 'test/edge/clock/board.ts')],
    outfile: program,
  });
  return () => rm(program, { force: true });
});

/** A gateway, an ingest and a store; what they hold can be looked at. */
class Line {
  readonly log = new MemoryLog();
  store!: FaultyStore;
  ingest!: Ingest;
  parking!: Parking;
  port = 0;
  private parkingPath = '';

  static async start(tls?: { key: string; cert: string }): Promise<Line> {
    const line = new Line();
    await line.log.start();
    await line.log.ensureTopics(Object.values(logTopics));
    line.store = await openStore();
    line.parkingPath = await tempDir();
    const config = gatewayConfigSchema.parse({ mqtt: { port: 0, auth: 'none', tls } });
    const seams = { clock: systemClock, logger: silentLogger, registry: new Registry() };
    const gateway = createGateway(config, { log: line.log, secret: Buffer.alloc(32), ...seams });
    await gateway.start();
    onTestFinished(() => gateway.stop(500));
    line.port = gateway.address().port;
    await line.startIngest();
    return line;
  }

  async startIngest(): Promise<void> {
    const parking = (this.parking = new Parking({ path: this.parkingPath, maxBytes: 1e8, maxBytesPerDevice: 1e8 }));
    const seams = { clock: systemClock, logger: silentLogger, registry: new Registry() };
    const ingest = (this.ingest = new Ingest({ log: this.log, store: this.store, parking, ...seams, gatherMs: 2 }));
    await ingest.start();
    onTestFinished(() => ingest.stop(1000));
  }

  async points(): Promise<StoredPoint[]> {
    const all: StoredPoint[] = [];
    for await (const page of this.store.behind.points({}, { fromUs: 0, toUs: 2 ** 52 }, 'repeats')) all.push(...page);
    return all;
  }

  packs() {
    return this.log.records(logTopics.readings.name).map(({ value }) => decodePack(value));
  }

  async settled(): Promise<void> {
    await waitFor('all is stored or parked', 10_000, async () => (await this.log.lag(ingestGroup, ingestTopics)) === 0);
  }

  /** The numbers that the store has, as text: without a gap, all that the board made. */
  async ledger(): Promise<string[]> {
    return [...(await this.store.behind.ledger()).values()].map((ranges) => ranges.toString());
  }
}

/** A board with a card: its lives share the folder. */
class Board {
  safe = 0;
  private safeBefore = 0;
  private child: ChildProcess | undefined;

  private constructor(
    private readonly line: Line,
    private readonly folder: string,
    private readonly clock: object,
    private readonly gateway: object,
  ) {}

  static async create(line: Line, clock: object, gateway: object = {}): Promise<Board> {
    const board = new Board(line, await tempDir(), clock, gateway);
    await mkdir(join(board.folder, 'outbox'));
    onTestFinished(() => void board.child?.kill('SIGKILL'));
    return board;
  }

  get marker(): string {
    return join(this.folder, 'synchronized');
  }

  startLife(boot: string): void {
    const config = {
      ...{ site: 'plant1', device: 'pi-1', sensors: [] },
      gateway: { url: `mqtt://127.0.0.1:${this.line.port}`, ...this.gateway },
      outbox: { directory: join(this.folder, 'outbox'), maxBytes: 32 * mib, reserveBytes: mib },
      clock: { trust: 'synced', syncMarkers: [this.marker], ...this.clock },
      channels: { '*': { filters: [], alerts: [{ above: 1, rule: 'started' }] } },
    };
    const argument: BoardArguments = { config, boot, marker: this.marker };
    const child = (this.child = spawn(process.execPath, [program, JSON.stringify(argument)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    }));
    this.safeBefore = this.safe;
    const before = this.safeBefore;
    createInterface({ input: child.stdout }).on('line', (text) => {
      this.safe = before + Number(text.split(' ')[1]);
    });
  }

  async measures(readings: number): Promise<void> {
    await waitFor(`${readings} readings are safe`, 20_000, () => this.safe >= this.safeBefore + readings);
  }

  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.end('SIGTERM');
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const closed = once(this.child!, 'close');
    this.child!.kill(signal);
    await closed;
  }
}

/** Each point stands where its value says that it was measured: reading and stamping take a moment. */
function expectTrueTimes(points: readonly StoredPoint[]): void {
  const wrong = points.filter(({ timeUs, value }) => Math.abs(timeUs / 1000 - value!) > 100);
  expect(wrong).toEqual([]);
  expect(new Set(points.map(({ timeUs }) => timeUs)).size).toBe(points.length);
  expect(new Set(points.map(({ value }) => value)).size).toBe(points.length);
}

const alertsIn = (line: Line) => line.store.alerts({ limit: 10 });

it('a board that starts in 1970, is killed, and learns the time: nothing is guessed, and nothing is lost', async () => {
  const line = await Line.start();
  const board = await Board.create(line, { holdMs: '15m' });
  const boot = 'a'.repeat(32);
  board.startLife(boot);
  await board.measures(40);
  // An alert is not held, but not stored either.
  await waitFor('the alert', 10_000, () => line.log.records(logTopics.alerts.name).length > 0);
  await board.kill();
  board.startLife(boot);
  await board.measures(40);
  await line.settled();
  expect(line.packs()).toEqual([]);
  expect(await line.points()).toEqual([]);
  expect(await alertsIn(line)).toEqual([]);
  expect(line.ingest.status().parked).toMatchObject({ readings: 0, unsynced: { readings: 0 } });
  expect(line.parking.waiting()).toEqual([`clock/plant1/pi-1/${boot}`]);

  await writeFile(board.marker, 'now');
  await waitFor('readings of a known time', 10_000, async () => (await line.points()).length > 40);
  await board.stop();
  await line.settled();
  await waitFor('nothing is parked', 5000, () => line.ingest.status().parked.records === 0);

  const points = await line.points();
  expect(points.length).toBeGreaterThanOrEqual(board.safe);
  expectTrueTimes(points);
  // What waited on the board got its times there.
  expect(line.packs().filter(({ boot: of }) => of !== undefined)).toEqual([]);
  expect(await line.ledger()).toEqual([expect.stringMatching(/^0-\d+$/)]);
  const alerts = await alertsIn(line);
  expect(alerts.map(({ rule, value, timeUs }) => [rule, Math.abs(timeUs / 1000 - value) < 100])).toEqual([
    ['started', true],
    ['started', true],
  ]);
  expect(line.log.records(logTopics.deadLetters.name)).toEqual([]);
}, 60_000);

it('a board that waits too long for the time: its packs are parked, over restarts of both, and stored once it comes', async () => {
  const line = await Line.start();
  const board = await Board.create(line, { holdMs: '100ms' });
  const [lost, boot] = ['b'.repeat(32), 'c'.repeat(32)];
  // A boot that never learns the time.
  board.startLife(lost);
  await board.measures(20);
  await waitFor('its packs leave all the same', 10_000, () => line.packs().length > 0);
  await board.stop();
  const never = board.safe;
  board.startLife(boot);
  await waitFor('so do these', 10_000, () => line.packs().some((pack) => pack.boot === boot));
  await board.kill();
  await line.settled();
  expect(await line.points()).toEqual([]);
  expect(existsSync(board.marker)).toBe(false);
  await line.ingest.stop(1000);
  await line.startIngest();
  expect(line.parking.waiting()).toEqual([lost, boot].map((id) => `clock/plant1/pi-1/${id}`));

  board.startLife(boot);
  await board.measures(20);
  await writeFile(board.marker, 'now');
  await waitFor('readings of a known time', 10_000, async () => (await line.points()).length > 40);
  await board.stop();
  await line.settled();
  const waiting = `clock/plant1/pi-1/${lost}`;
  await waitFor('only the lost boot is parked', 5000, () => line.parking.waiting().join() === waiting);
  const points = await line.points();
  expectTrueTimes(points);
  expect(points.length + line.ingest.status().parked.readings).toBeGreaterThanOrEqual(board.safe);
  expect(line.ingest.status().parked.unsynced.readings).toBeGreaterThanOrEqual(never);
  // Of the second boot every pack that left without a time still has none in the log: a number has one content.
  const kinds = new Map<number, Set<boolean>>();
  for (const { seq, boot: of } of line.packs()) kinds.set(seq, (kinds.get(seq) ?? new Set()).add(of !== undefined));
  expect([...kinds.values()].filter((seen) => seen.size > 1)).toEqual([]);
  expect(line.log.records(logTopics.deadLetters.name)).toEqual([]);
}, 60_000);

it('a board that never sees a time server gets the time from the gateway that it has verified by the time floor', async () => {
  const chain = (name: string) => fileURLToPath(new URL(`../../fixtures/tls/chain/${name}.pem`, import.meta.url));
  // It begins in 2030: the system of whoever does not judge by itself refuses it, as a board in 1970 refuses all.
  const line = await Line.start({ key: chain('server-key'), cert: chain('not-yet') });
  const url = `mqtts://localhost:${line.port}`;
  const board = await Board.create(line, { holdMs: '15m' }, { url, caFile: chain('authority') });
  board.startLife('d'.repeat(32));
  await waitFor('readings are stored', 15_000, async () => (await line.points()).length > 40);
  await board.stop();
  await line.settled();
  expect(existsSync(board.marker)).toBe(false);
  const points = await line.points();
  expect(points.length).toBeGreaterThanOrEqual(board.safe);
  expectTrueTimes(points);
  const clock = line.log.records(logTopics.deviceEvents.name).find(({ key }) => key.includes('/clock/'))!;
  const told = clockSchema.parse(JSON.parse(Buffer.from(clock.value).toString()));
  expect(told).toMatchObject({ source: 'gateway', bootId: 'd'.repeat(32) });
  expect(told.errorUs).toBeLessThan(1e6);
}, 60_000);
