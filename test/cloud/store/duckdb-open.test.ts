import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FatalError, RetryableError } from '#core/runtime/errors.js';
import { systemClock } from '#core/runtime/clock.js';
import { silentLogger } from '#core/runtime/logger.js';
import { DuckDBInstance } from '@duckdb/node-api';
import { Registry } from 'prom-client';
import { expect, onTestFinished, test } from 'vitest';
import { DuckDBStore, type DuckDBStoreOptions } from '../../../cloud/store/duckdb-store.js';
import { defaultRetention } from '../../../cloud/store/store.js';
import {
  allPoints,
  always,
  generousRetention,
  pastDayUs,
  TestDevice,
  write,
} from '../../contracts/series-store/harness.js';
import { rawPoint } from '../../support/packs.js';
import { storedPoint, windowPoint } from '../../contracts/series-store/expected.js';
import { tempDir } from '../../support/temp-dir.js';

function storeOf(file: string, over: Partial<DuckDBStoreOptions> = {}): DuckDBStore {
  const store = new DuckDBStore({
    ...{ file, clock: systemClock, logger: silentLogger, retention: defaultRetention },
    ...over,
  });
  onTestFinished(() => store.stop(5000));
  return store;
}

async function startedStore(file: string, over?: Partial<DuckDBStoreOptions>): Promise<DuckDBStore> {
  const store = storeOf(file, over);
  await store.start();
  return store;
}

async function newFile(): Promise<string> {
  return join(await tempDir(), 'store.duckdb');
}

async function expectFatal(file: string, code: string, text: RegExp): Promise<void> {
  const starting = storeOf(file).start();
  await expect(starting).rejects.toBeInstanceOf(FatalError);
  await expect(starting).rejects.toMatchObject({ code, message: expect.stringMatching(text) as string });
}

async function runSql(file: string, sql: string): Promise<void> {
  const instance = await DuckDBInstance.create(file);
  const connection = await instance.connect();
  await connection.run(sql);
  connection.closeSync();
  instance.closeSync();
}

test('a store that was stopped starts again with what it had, and its log is folded in', async () => {
  const file = await newFile();
  const store = await startedStore(file);
  const device = new TestDevice();
  await write(store, device.pack([rawPoint('temp', pastDayUs, 1)]));
  await store.stop(5000);
  await store.stop(5000);
  await expect(stat(`${file}.wal`)).rejects.toMatchObject({ code: 'ENOENT' });
  await store.start();
  await store.start();
  expect(await allPoints(store, device.filter)).toHaveLength(1);
  expect((await store.ledger()).get(device.source)?.toString()).toBe('0');
});

test('before the start and after the stop everything is unavailable, for now', async () => {
  const store = storeOf(await newFile());
  const device = new TestDevice();
  const expectAway = async () => {
    for (const call of [
      () => write(store, device.pack([])),
      () => store.ledger(),
      () => allPoints(store, {}),
      () => store.recent(device.series(), always, 1),
      () => store.alerts({ limit: 1 }),
      () => store.repairRollups(0),
      () => store.prune(0),
      () => store.bytes(),
    ]) {
      await expect(call()).rejects.toBeInstanceOf(RetryableError);
      await expect(call()).rejects.toMatchObject({ code: 'unavailable' });
    }
  };
  await expectAway();
  await store.start();
  await store.stop(5000);
  await expectAway();
});

test('one file is not opened twice in one process, and may be opened after the stop', async () => {
  const file = await newFile();
  const store = await startedStore(file);
  await expectFatal(file, 'locked', /in use by this process already: stop that/);
  await write(store, new TestDevice().pack([rawPoint('temp', pastDayUs, 1)]));
  await store.stop(5000);
  await startedStore(file);
});

test('a newer data format is refused, and nothing is changed', async () => {
  const file = await newFile();
  await (await startedStore(file)).stop(5000);
  await runSql(file, "UPDATE state SET number = 99 WHERE name = 'format'");
  await expectFatal(file, 'bad-data-format', /has data format 99, this is 3: use the version that wrote it/);
  await expectFatal(file, 'bad-data-format', /format 99/);
});

test('a file of the first data format is brought up to date, with what it holds', async () => {
  const file = await newFile();
  const store = await startedStore(file, { retention: generousRetention });
  const device = new TestDevice();
  const old = [rawPoint('temp', pastDayUs, 1), windowPoint('temp', pastDayUs + 1, 60_000_000, [1, 2])];
  await write(store, device.pack(old));
  await store.stop(5000);
  await runSql(file, "ALTER TABLE points DROP COLUMN p95; UPDATE state SET number = 1 WHERE name = 'format'");
  await store.start();
  const { window, ...rest } = windowPoint('temp', pastDayUs + 2, 60_000_000, [1, 2]);
  const newer = { ...rest, window: { ...window!, p95: 2 } };
  await write(store, device.pack([newer]));
  expect(await allPoints(store, device.filter)).toStrictEqual(
    [...old, newer].map((point) => storedPoint(device, point)),
  );
  await store.stop(5000);
  await startedStore(file);
});

test('another DuckDB file is refused', async () => {
  const file = await newFile();
  await runSql(file, 'CREATE TABLE something (else_ INTEGER)');
  await expectFatal(file, 'bad-data-format', /is not a Fieldline store/);
});

test('a file that is no database is refused', async () => {
  const file = await newFile();
  await writeFile(file, 'not a database'.repeat(1000));
  await expectFatal(file, 'corrupt', /restore it from a copy/);
});

test('a file whose folder is missing is refused', async () => {
  await expectFatal(join(await tempDir(), 'nowhere', 'store.duckdb'), 'bad-config', /check its folder and rights/);
});

test('values come back exactly from compressed blocks, minus zero too', async () => {
  const file = await newFile();
  const store = await startedStore(file, { retention: generousRetention });
  const device = new TestDevice();
  const values = [0, -0, 5e-324, 1e308, 0.1, 2 ** 53, -273.15];
  const points = Array.from({ length: 7000 }, (_value, i) => rawPoint('temp', pastDayUs + i, values[i % 7]!));
  const zero = { spanUs: 10, count: 1, min: -0, max: 0, first: 0, last: -0 };
  const windows = Array.from({ length: 3000 }, (_value, i) => ({
    ...rawPoint('temp', pastDayUs + 10_000 + 10 * i, i % 2 === 0 ? -0 : 0),
    ...{ form: 'window' as const, window: i % 3 === 0 ? zero : { ...zero, min: 0, last: 0 } },
  }));
  await write(store, device.pack([...points, ...windows]));
  await store.stop(5000);
  await store.start();
  const stored = await allPoints(store, device.filter);
  const numbers = stored.map(({ value, min, max, first, last }) => [value, min, max, first, last]);
  const expected = [...points, ...windows].map((point) => {
    const { min, max, first, last } = 'window' in point ? point.window! : ({} as Partial<typeof zero>);
    return [point.value, min, max, first, last];
  });
  expect(numbers).toStrictEqual(expected);
});

test('scans may be nested, left, and outlived by a stop', async () => {
  const store = await startedStore(await newFile(), { retention: generousRetention });
  const device = new TestDevice();
  const points = Array.from({ length: 9000 }, (_value, i) => rawPoint('temp', pastDayUs + i, i));
  await write(store, device.pack(points));
  let pages = 0;
  for await (const page of store.points(device.filter, always)) {
    pages += 1;
    expect(page.length).toBeGreaterThan(0);
    expect(await allPoints(store, device.filter)).toHaveLength(9000);
  }
  expect(pages).toBeGreaterThan(1);
  const abandoned = store.points(device.filter, always)[Symbol.asyncIterator]();
  await abandoned.next();
  await store.stop(5000);
  await expect(abandoned.next()).rejects.toMatchObject({ code: 'unavailable' });
});

test('tells what became of the readings in its metrics', async () => {
  const registry = new Registry();
  const store = await startedStore(await newFile(), { registry });
  const device = new TestDevice();
  const pack = device.pack([rawPoint('temp', pastDayUs, 1), rawPoint('temp', 0, 1)]);
  await write(store, pack, pack);
  const metrics = await registry.metrics();
  expect(metrics).toContain('fieldline_store_readings_total{outcome="stored"} 1');
  expect(metrics).toContain('fieldline_store_readings_total{outcome="duplicate"} 2');
  expect(metrics).toContain('fieldline_store_readings_total{outcome="expired"} 1');
  expect(metrics).toContain('fieldline_store_dirty_buckets{tier="1m"} 1');
  expect(metrics).toContain('fieldline_store_write_seconds_count 1');
});
