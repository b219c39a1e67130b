import { Registry } from 'prom-client';
import { FatalError, RetryableError } from '#core/runtime/errors.js';
import { retry, retryDelays } from '#core/runtime/retry.js';
import { systemClock } from '#core/runtime/clock.js';
import { defaultRetention, type StoreBatch, type WriteOutcome } from '../../../cloud/store/store.js';
import type { InfluxStore } from '../../../cloud/store/influx-store.js';
import { PointsRejectedError } from '../../../cloud/store/influx/rejected-points.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dayUs } from '#core/contract/time.js';
import { expectRollupsOf, storedPoint } from '../../contracts/series-store/expected.js';
import {
  allPoints,
  generousRetention,
  pastDayUs,
  repairAll,
  TestDevice,
  write,
} from '../../contracts/series-store/harness.js';
import { haveServers } from '../../servers/ensure.js';
import { startInfluxd, type Influxdb } from '../../servers/influxdb.js';
import { waitFor } from '../../servers/wait-for.js';
import { describeSensor, rawPoint } from '../../support/packs.js';
import { startForgetful } from './forgetful-influx.js';
import { influxStoreOn, ownBuckets, recordingLogger } from './influx-fixture.js';
import { InfluxProbe } from './influx-probe.js';

const retention = generousRetention;

describe.skipIf(!(await haveServers('influxdb')))('InfluxDB fails', () => {
  let influxdb: Influxdb;
  let probe: InfluxProbe;
  beforeAll(async () => {
    influxdb = await startInfluxd();
    probe = new InfluxProbe(influxdb);
  });
  afterAll(() => influxdb?.stop());

  /** Writes as the ingest does: for ever, until the store has it. */
  function persist(store: InfluxStore, batch: StoreBatch): Promise<WriteOutcome> {
    const delays = retryDelays({ firstMs: 20, maxMs: 200 }, () => 0);
    return retry(() => store.write(batch), { clock: systemClock, delays });
  }

  test('kill -9 in the middle of writes: afterwards every point is there, once', async () => {
    const registry = new Registry();
    const store = influxStoreOn(influxdb, { retention, buckets: ownBuckets(), registry, writeWithinMs: 300 });
    await store.start();
    const device = new TestDevice();
    const packs = Array.from({ length: 60 }, (_none, pack) =>
      device.pack(
        Array.from({ length: 500 }, (_other, i) => rawPoint('temp', pastDayUs + (pack * 500 + i) * 100_000, i)),
      ),
    );
    let outcomes = 0;
    const writing = (async () => {
      for (const pack of packs) outcomes += (await persist(store, { packs: [pack], alerts: [] })).stored;
    })();
    await waitFor('half is written', 20_000, () => outcomes > 10_000, 1);
    await influxdb.kill9();
    const failures = async () => Number(/write_failed_total (\d+)/.exec(await registry.metrics())?.[1]);
    await waitFor('the writer is refused', 20_000, async () => (await failures()) > 0);
    await influxdb.restart();
    await writing;
    expect((await allPoints(store, device.filter)).map(({ timeUs }) => timeUs)).toEqual(
      packs.flatMap(({ pack }) => pack.points.map(({ timeUs }) => timeUs)),
    );
    expect((await store.ledger(device.filter)).get(device.source)?.toString()).toBe('0-59');
    await repairAll(store);
    await expectRollupsOf(
      store,
      device,
      packs.flatMap(({ pack }) => pack.points),
    );
    await store.stop(1000);
  });

  test('while it is away every method throws `unavailable`, and `stop` ends the waiting', async () => {
    const times = { writeWithinMs: 200, readWithinMs: 200, startWithinMs: 200 };
    const away = { ...influxdb, url: 'http://127.0.0.1:9' };
    const unstarted = influxStoreOn(away, { retention, ...times });
    await expect(unstarted.start()).rejects.toMatchObject({ code: 'unavailable' });
    const store = influxStoreOn(influxdb, { retention, buckets: ownBuckets(), ...times });
    await store.start();
    const device = new TestDevice();
    await write(store, device.pack([rawPoint('temp', pastDayUs, 1)]));
    await influxdb.kill9();
    const range = { fromUs: pastDayUs, toUs: pastDayUs + 10 };
    const calls = [
      () => write(store, device.pack([rawPoint('temp', pastDayUs + 1, 1)])),
      () => store.ledger(),
      () => allPoints(store, {}, range),
      () => store.recent(device.series(), range, 1),
      () => store.alerts({ limit: 1 }),
      () => store.repairRollups(pastDayUs + 100_000_000),
    ];
    for (const call of calls) {
      const error: unknown = await call().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(RetryableError);
      expect(error).toMatchObject({ code: 'unavailable' });
    }
    const patient = influxStoreOn(away, { retention, startWithinMs: 60_000 });
    const starting = expect(patient.start()).rejects.toBeInstanceOf(RetryableError);
    await patient.stop(100);
    await starting;
    await influxdb.restart();
    await repairAll(store);
    await expectRollupsOf(store, device, [rawPoint('temp', pastDayUs, 1)]);
    await store.stop(1000);
  });

  test('`start` waits until it comes back', async () => {
    await influxdb.kill9();
    const store = influxStoreOn(influxdb, { retention, buckets: ownBuckets(), retry: { firstMs: 20, maxMs: 100 } });
    const starting = store.start();
    await influxdb.restart();
    await starting;
    expect(await write(store, new TestDevice().pack([rawPoint('temp', pastDayUs, 1)]))).toMatchObject({ stored: 1 });
    await store.stop(1000);
  });

  test('frozen, it keeps its connections and answers nothing: requests end at their time limit', async () => {
    const limits = { writeTimeoutMs: 2000, queryTimeoutMs: 2000, writeWithinMs: 100, readWithinMs: 100 };
    const store = influxStoreOn(influxdb, { retention, buckets: ownBuckets(), ...limits });
    await store.start();
    const device = new TestDevice();
    const points = [1, 2].map((i) => rawPoint('temp', pastDayUs + i, i));
    await write(store, device.pack([points[0]!]));
    influxdb.freeze();
    try {
      const pack = device.pack([points[1]!]);
      await expect(write(store, pack)).rejects.toMatchObject({ code: 'unavailable' });
      await expect(store.recent(device.series(), { fromUs: 0, toUs: pastDayUs * 2 }, 5)).rejects.toMatchObject({
        code: 'unavailable',
      });
      influxdb.thaw();
      await persist(store, { packs: [pack], alerts: [] });
      expect(await allPoints(store, device.filter)).toEqual(points.map((point) => storedPoint(device, point)));
    } finally {
      influxdb.thaw();
    }
    await store.stop(1000);
  });

  test('a wrong token or organisation is fatal and names its setting', async () => {
    const wrongToken = influxStoreOn({ ...influxdb, token: 'wrong' }, { retention });
    const wrongOrg = influxStoreOn({ ...influxdb, org: 'nobody' }, { retention });
    const [token, org] = await Promise.all(
      [wrongToken, wrongOrg].map((store) => store.start().catch((e: unknown) => e)),
    );
    expect(token).toBeInstanceOf(FatalError);
    expect(token).toMatchObject({ code: 'unauthorised', message: expect.stringContaining('setting token') as string });
    expect(String(token)).not.toContain('wrong');
    expect(org).toBeInstanceOf(FatalError);
    expect(org).toMatchObject({ code: 'bad-config', message: expect.stringContaining('setting org') as string });
  });

  test('points that it refuses are named, all others are stored, and the batch goes through without them', async () => {
    const buckets = ownBuckets();
    const store = influxStoreOn(influxdb, { retention, buckets });
    await store.start();
    // Somebody else has made this field a text, so that no number goes into it in the same shard.
    await probe.write(buckets.realtime, `pressure,device=x,site=x value="a" ${pastDayUs}`);
    const device = new TestDevice({ temp: describeSensor(), p: describeSensor({ quantity: 'pressure', unit: 'Pa' }) });
    const good = Array.from({ length: 50 }, (_none, i) => rawPoint('temp', pastDayUs + i, i));
    const bad = [rawPoint('p', pastDayUs + 7, 1), rawPoint('p', pastDayUs + 8, 2)];
    const first = device.pack(good.slice(0, 20));
    const second = device.pack([...good.slice(20, 40), bad[0]!, ...good.slice(40), bad[1]!]);
    const error: unknown = await write(store, first, second).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(PointsRejectedError);
    expect(error).toMatchObject({
      code: 'refused',
      points: [
        { pack: 1, index: 20, point: bad[0], detail: expect.stringContaining('field type conflict') as string },
        { pack: 1, index: 31, point: bad[1] },
      ],
    });
    expect(await allPoints(store, device.filter)).toEqual(good.map((point) => storedPoint(device, point)));
    expect((await store.ledger(device.filter)).size).toBe(0);
    const cleaned = { ...second, pack: { ...second.pack, points: good.slice(20) } };
    expect(await write(store, first, cleaned)).toEqual({ stored: 50, duplicate: 0, expired: 0 });
    await repairAll(store);
    await expectRollupsOf(store, device, good);
    await store.stop(1000);
  });

  test('a bucket that is kept for another time is left as it is, and the store goes by it', async () => {
    const buckets = ownBuckets();
    await probe.createBucket(buckets.realtime, 3 * 86_400);
    const { logger, messages } = recordingLogger();
    const registry = new Registry();
    const store = influxStoreOn(influxdb, { retention: defaultRetention, buckets, logger, registry });
    await store.start();
    expect(messages()).toEqual([
      expect.objectContaining({ bucket: buckets.realtime, kept: '3 days', configured: '7 days' }),
    ]);
    const device = new TestDevice();
    const nowUs = systemClock.nowUs();
    const points = [1, 2, 4, 5].map((days) => rawPoint('temp', nowUs - days * 86_400_000_000, days));
    expect(await write(store, device.pack(points))).toEqual({ stored: 2, duplicate: 0, expired: 2 });
    expect(await registry.metrics()).toContain('fieldline_influx_write_failed_total 0');
    await repairAll(store);
    await expectRollupsOf(store, device, [...points].reverse());
    await store.stop(1000);
  });

  test('what it acknowledges and forgets while it puts a shard to rest is written again', async () => {
    const forgetful = await startForgetful(influxdb);
    const [buckets, { url }] = [ownBuckets(), forgetful];
    const store = influxStoreOn({ ...influxdb, url }, { retention, buckets, shardRestMs: 1 });
    await store.start();
    const device = new TestDevice();
    const lateUs = pastDayUs - 91 * dayUs;
    const points = [5, 15, 2, 30].map((i) => rawPoint('temp', lateUs + i, i));
    await write(store, device.pack([...points.slice(0, 2), rawPoint('temp', pastDayUs, 1)]));
    await repairAll(store);
    await write(store, device.pack(points.slice(2)));
    await repairAll(store);
    expect(forgetful.forgotten()).toBeGreaterThan(5);
    const restarted = influxStoreOn(influxdb, { retention, buckets });
    await restarted.start();
    await expectRollupsOf(restarted, device, [...points, rawPoint('temp', pastDayUs, 1)]);
    expect((await restarted.ledger(device.filter)).get(device.source)?.toString()).toBe('0-1');
    await Promise.all([store.stop(1000), restarted.stop(1000), forgetful.stop()]);
  });

  test('cut off between the points and the ledger, the same batch again changes nothing', async () => {
    const buckets = ownBuckets();
    const store = influxStoreOn(influxdb, { retention: defaultRetention, buckets });
    await store.start();
    const device = new TestDevice();
    const oldUs = systemClock.nowUs() - 10 * 86_400_000_000;
    const points = [rawPoint('temp', oldUs, 5), rawPoint('temp', pastDayUs + 1, 1)];
    await write(store, device.pack([rawPoint('temp', pastDayUs, 0)]));
    const pack = device.pack(points);
    await probe.deleteBucket(buckets.state);
    await expect(write(store, pack)).rejects.toMatchObject({ code: 'bad-config' });
    const again = influxStoreOn(influxdb, { retention: defaultRetention, buckets });
    await again.start();
    // Nothing of the first try is in the new ledger; what was added to the old rollups says so itself.
    expect(await write(again, pack)).toEqual({ stored: 1, duplicate: 0, expired: 1 });
    await repairAll(again);
    expect(await allPoints(again, device.filter)).toHaveLength(2);
    await expectRollupsOf(again, device, [points[0]!, rawPoint('temp', pastDayUs, 0), points[1]!]);
    await Promise.all([store.stop(1000), again.stop(1000)]);
  });
});
