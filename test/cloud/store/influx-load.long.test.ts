import type { Point } from '#core/contract/reading.js';
import { bucketStart, hourUs, minuteUs } from '#core/contract/time.js';
import { systemClock } from '#core/runtime/clock.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { InfluxStore } from '../../../cloud/store/influx-store.js';
import { defaultRetention } from '../../../cloud/store/store.js';
import { taskName } from '../../../cloud/store/influx/task-flux.js';
import { rollupTiers } from '../../../cloud/store/influx/tiers.js';
import { allPoints, allRollups, repairAll, TestDevice } from '../../contracts/series-store/harness.js';
import { haveServers } from '../../servers/ensure.js';
import { startInfluxd, type Influxdb } from '../../servers/influxdb.js';
import { waitFor } from '../../servers/wait-for.js';
import { describeSensor, rawPoint } from '../../support/packs.js';
import { influxStoreOn, ownBuckets } from './influx-fixture.js';
import { InfluxProbe } from './influx-probe.js';

/** A factory: 50 devices of 20 sensors, read every second. */
const deviceCount = 50;
const sensors = Array.from({ length: 20 }, (_none, i) => `sensor-${i}`);
const seconds = 600;

describe.skipIf(!(await haveServers('influxdb')))('InfluxDB under load', () => {
  let influxdb: Influxdb;
  let probe: InfluxProbe;
  beforeAll(async () => {
    influxdb = await startInfluxd();
    probe = new InfluxProbe(influxdb);
  });
  afterAll(() => influxdb?.stop());

  const measured: Record<string, string> = {};
  afterAll(() => console.log(measured));

  async function timed<T>(name: string, work: () => Promise<T>, per?: number): Promise<T> {
    const [startMs, startCpu] = [performance.now(), process.cpuUsage()];
    const result = await work();
    const [ms, cpu] = [performance.now() - startMs, process.cpuUsage(startCpu)];
    const cpuMs = (cpu.user + cpu.system) / 1000;
    const rate =
      per === undefined
        ? ''
        : `, ${Math.round(per / (ms / 1000))}/s, ${((cpuMs * 1000) / per).toFixed(2)} CPU-s per million`;
    measured[name] = `${ms.toFixed(0)} ms, ${cpuMs.toFixed(0)} ms of CPU here${rate}`;
    return result;
  }

  test('a thousand series at once a second: written, read, rolled up by tasks and by the repair', async () => {
    const buckets = ownBuckets();
    const store: InfluxStore = influxStoreOn(influxdb, { retention: defaultRetention, buckets });
    await store.start();
    const labels = { floor: '3', room: 'hall', line: 'l-1' };
    const described = Object.fromEntries(sensors.map((sensor) => [sensor, describeSensor({ labels })]));
    const devices = Array.from({ length: deviceCount }, () => new TestDevice(described));
    const startUs = bucketStart(systemClock.nowUs() - 3 * hourUs, hourUs);
    const count = deviceCount * sensors.length * seconds;
    const cpuBefore = process.cpuUsage();
    await timed(
      'write',
      async () => {
        // As the ingest does: a write of fifty packs, each of ten seconds of one device.
        for (let second = 0; second < seconds; second += 10) {
          const packs = devices.map((device) => device.pack(readings(startUs, second, second + 10)));
          expect(await store.write({ packs, alerts: [] })).toMatchObject({ stored: count / (seconds / 10) });
        }
      },
      count,
    );
    const cpu = process.cpuUsage(cpuBefore);
    // The making of the packs included.
    expect(count / ((cpu.user + cpu.system) / 1e6)).toBeGreaterThan(50_000);

    const [device] = devices;
    const range = { fromUs: startUs, toUs: startUs + hourUs };
    for (let again = 0; again < 2; again += 1) {
      await timed('recent 2000 of a series', () => store.recent(device!.series('sensor-1'), range, 2000));
      await timed('points of a series, 600', () => allPoints(store, device!.series('sensor-1'), range));
      await timed('points of a device, 12000', () => allPoints(store, device!.filter, range));
    }
    expect(await timed('points of all, 600000', () => allPoints(store, {}, range), count)).toHaveLength(count);
    await timed('ledger', () => store.ledger());

    const [minutes, hours] = rollupTiers;
    await timed('task 1m, three minutes of 1000 series', () =>
      probe.runTask(taskName(buckets, minutes), startUs + 10 * minuteUs),
    );
    await timed('repair of 10000 minutes, 1000 hours, 1000 days', () => repairAll(store));
    await timed('task 1h, 1000 series', () => probe.runTask(taskName(buckets, hours), startUs + hourUs));
    for (let again = 0; again < 2; again += 1) {
      await timed('rollups 1m of a series', () => allRollups(store, '1m', device!.series('sensor-1'), range));
      await timed('rollups 1h of all, 1000', () => allRollups(store, '1h', {}, range));
    }
    const rolled = await allRollups(store, '1h', {}, range);
    expect(rolled.map(({ count: each }) => each)).toEqual(Array(deviceCount * sensors.length).fill(seconds));
    await store.stop(5000);
  });

  test('the tasks roll up what comes on time, by themselves', async () => {
    const buckets = ownBuckets();
    const store = influxStoreOn(influxdb, { retention: defaultRetention, buckets });
    await store.start();
    const device = new TestDevice(['temp']);
    // A first reading makes the store look at its bucket itself; from the next minute on the tasks are alone.
    const write = (i: number) =>
      store.write({ packs: [device.pack([rawPoint('temp', systemClock.nowUs(), i)])], alerts: [] });
    await write(0);
    const nextMinuteUs = bucketStart(systemClock.nowUs(), minuteUs) + minuteUs;
    await waitFor('the next minute', 70_000, () => systemClock.nowUs() > nextMinuteUs);
    for (let i = 1; i <= 5; i += 1) await write(i);
    const rollup = async () =>
      (await allRollups(store, '1m', device.series(), { fromUs: nextMinuteUs, toUs: nextMinuteUs + minuteUs }))[0];
    expect(await waitFor('the task', 100_000, rollup, 1000)).toMatchObject({ count: 5, sum: 15, first: 1, last: 5 });
    // Two hours, where the next minute is the first of another.
    const total = (rows: readonly { count: number }[]) => rows.reduce((sum, { count }) => sum + count, 0);
    const hours = async () => [await allRollups(store, '1h', device.series())].find((rows) => total(rows) === 6);
    expect((await waitFor('the hours', 400_000, hours, 2000)).at(-1)).toMatchObject({ last: 5 });
    await store.stop(1000);
  });
});

function readings(startUs: number, fromSecond: number, toSecond: number): Point[] {
  const points: Point[] = [];
  for (let second = fromSecond; second < toSecond; second += 1) {
    for (const [i, sensor] of sensors.entries()) {
      points.push(rawPoint(sensor, startUs + second * 1_000_000 + i, 20 + ((second * 31 + i * 7) % 1000) / 100));
    }
  }
  return points;
}
