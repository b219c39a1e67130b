import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { systemClock } from '#core/runtime/clock.js';
import { FatalError } from '#core/runtime/errors.js';
import { silentLogger } from '#core/runtime/logger.js';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { DuckDBStore } from '../../../cloud/store/duckdb-store.js';
import type { StoredPoint } from '../../../cloud/store/store.js';
import {
  allPoints,
  allRollups,
  generousRetention,
  pastDayUs,
  repairAll,
} from '../../contracts/series-store/harness.js';
import { waitFor } from '../../servers/wait-for.js';
import { tempDir } from '../../support/temp-dir.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
// Inside the project, or the child would not find the packages.
const child = join(root, 'node_modules/.cache', `write-forever-${process.pid}.mjs`);

beforeAll(async () => {
  const entryPoints = [join(root, 'test/cloud/store/write-forever.ts')];
  const target = { platform: 'node', format: 'esm', packages: 'external' } as const;
  await build({ entryPoints, outfile: child, bundle: true, ...target, conditions: ['source'], logLevel: 'error' });
});
afterAll(() => rm(child, { force: true }));

interface Writer {
  readonly process: ChildProcess;
  readonly acknowledged: number[];
  /** Error codes of the tries that failed. */
  readonly failures: string[];
}

function writeInChild(file: string, firstSeq: number): Writer {
  const running = spawn(process.execPath, [child, file, String(firstSeq), String(pastDayUs)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void running.kill('SIGKILL'));
  const writer: Writer = { process: running, acknowledged: [], failures: [] };
  createInterface({ input: running.stdout }).on('line', (line) => {
    const [what, seq, code] = line.split(' ') as [string, string, string];
    if (what === 'ok') writer.acknowledged.push(Number(seq));
    else writer.failures.push(code);
  });
  return writer;
}

async function openStore(file: string): Promise<DuckDBStore> {
  const store = new DuckDBStore({ file, retention: generousRetention, clock: systemClock, logger: silentLogger });
  onTestFinished(() => store.stop(5000));
  await store.start();
  return store;
}

/** Every acknowledged pack is there once, whole, in points, ledger and rollups. */
async function expectAll(store: DuckDBStore, acknowledged: readonly number[]): Promise<void> {
  const [ranges] = [...(await store.ledger()).values()];
  expect(acknowledged.filter((seq) => !ranges!.has(seq))).toEqual([]);
  const points = await allPoints(store, {});
  expect(points).toHaveLength(ranges!.size * 50);
  expect(new Set(points.map(identityOf)).size).toBe(points.length);
  await repairAll(store);
  for (const tier of ['1m', '1h', '1d'] as const) {
    const counted = (await allRollups(store, tier, {})).reduce((sum, { count }) => sum + count, 0);
    expect(counted).toBe(points.length);
  }
}

function identityOf({ sensor, form, timeUs }: StoredPoint): string {
  return `${sensor} ${form} ${timeUs}`;
}

test('everything acknowledged outlives kill -9 at any moment, once', async () => {
  const file = join(await tempDir(), 'store.duckdb');
  const acknowledged: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    const writer = writeInChild(file, (acknowledged.at(-1) ?? -1) + 1);
    // From the middle of the first checkpoints to well after them.
    const enough = 1 + Math.floor(Math.random() * 250);
    await waitFor('writes', 30_000, () => writer.acknowledged.length >= enough, 1);
    writer.process.kill('SIGKILL');
    await once(writer.process, 'close');
    acknowledged.push(...writer.acknowledged);
  }
  await expectAll(await openStore(file), acknowledged);
});

test('a file in use by another process is refused with its id and the next step', async () => {
  const file = join(await tempDir(), 'store.duckdb');
  const writer = writeInChild(file, 0);
  await waitFor('writes', 30_000, () => writer.acknowledged.length > 0, 1);
  const opening = openStore(file);
  await expect(opening).rejects.toBeInstanceOf(FatalError);
  await expect(opening).rejects.toMatchObject({
    code: 'locked',
    message: `${file} is in use by process ${writer.process.pid}: stop that process, or ask its HTTP API instead of opening the file`,
  });
  const before = writer.acknowledged.length;
  await waitFor('writes', 30_000, () => writer.acknowledged.length > before + 10, 1);
});

test('a disk that is full for a while costs nothing: the batch is written again, and is there once', async () => {
  const file = join(await tempDir(), 'store.duckdb');
  const writer = writeInChild(file, 0);
  await waitFor('writes', 30_000, () => writer.acknowledged.length > 50, 1);
  for (let round = 0; round < 3; round += 1) {
    // No file of the process may grow any more, as on a full disk.
    limitFileSize(writer, (await stat(`${file}.wal`).catch(() => ({ size: 0 }))).size + 2000 * round);
    const failures = writer.failures.length;
    await waitFor('refusals', 30_000, () => writer.failures.length > failures + 2, 1);
    limitFileSize(writer, 'unlimited');
    const before = writer.acknowledged.length;
    await waitFor('writes', 30_000, () => writer.acknowledged.length > before + 100, 1);
  }
  writer.process.kill('SIGTERM');
  const [code] = (await once(writer.process, 'close')) as [number];
  expect(code).toBe(0);
  expect(new Set(writer.failures)).toEqual(new Set(['disk-full']));
  expect(writer.acknowledged).toEqual(writer.acknowledged.map((_seq, i) => i));
  await expectAll(await openStore(file), writer.acknowledged);
});

/** The soft limit only, so that it can be lifted again. */
function limitFileSize({ process: { pid } }: Writer, bytes: number | 'unlimited'): void {
  execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:unlimited`]);
}
