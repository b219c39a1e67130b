import type { Point } from '#core/contract/reading.js';
import { dayUs, hourUs, minuteUs } from '#core/contract/time.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BucketNames } from '../../../cloud/store/influx/buckets.js';
import { taskName } from '../../../cloud/store/influx/task-flux.js';
import { rollupTiers } from '../../../cloud/store/influx/tiers.js';
import { expectRollupsOf, windowPoint } from '../../contracts/series-store/expected.js';
import { generousRetention, pastDayUs, repairAll, TestDevice, write } from '../../contracts/series-store/harness.js';
import { expectStored, segmentDevice, segmentPoint } from '../../contracts/series-store/expected-segments.js';
import { haveServers } from '../../servers/ensure.js';
import { startInfluxd, type Influxdb } from '../../servers/influxdb.js';
import { describeSensor, rawPoint } from '../../support/packs.js';
import { influxStoreOn, ownBuckets } from './influx-fixture.js';
import { InfluxProbe } from './influx-probe.js';

const secondUs = 1_000_000;
const startUs = pastDayUs + 10 * hourUs;

describe.skipIf(!(await haveServers('influxdb')))('the tasks of InfluxDB', () => {
  let influxdb: Influxdb;
  let probe: InfluxProbe;
  beforeAll(async () => {
    influxdb = await startInfluxd();
    probe = new InfluxProbe(influxdb);
  });
  afterAll(() => influxdb?.stop());

  async function opened() {
    const buckets = ownBuckets();
    const store = influxStoreOn(influxdb, { retention: generousRetention, buckets });
    await store.start();
    const runTasks = async (minutesPast = [3], hoursPast = [1]) => {
      for (const minutes of minutesPast)
        await probe.runTask(taskName(buckets, rollupTiers[0]), startUs + minutes * minuteUs);
      // Each run computes the hour, or day, that its time lies in.
      for (const hours of hoursPast) await probe.runTask(taskName(buckets, rollupTiers[1]), startUs + hours * hourUs);
      await probe.runTask(taskName(buckets, rollupTiers[2]), pastDayUs + dayUs);
    };
    return { store, buckets, runTasks };
  }

  const rollupsIn = (buckets: BucketNames) =>
    Promise.all(rollupTiers.map(({ name }) => probe.everything(buckets[name])));

  test('compute what the repair computes, which adds only the stamps', async () => {
    const device = new TestDevice({
      temp: describeSensor({ labels: { floor: '3', room: 'a b,c=d' } }),
      vib: describeSensor({ quantity: 'acceleration', unit: 'm/s2', labels: { line: '7' } }),
      door: describeSensor({ quantity: 'state', unit: '/' }),
      huge: describeSensor(),
    });
    const points = mixture();
    const pack = device.pack(points);
    const repaired = await opened();
    await write(repaired.store, pack);
    await repairAll(repaired.store);
    const { store, buckets, runTasks } = await opened();
    await write(store, pack);
    await runTasks([3, 6, 62], [1, 2]);
    const expected = await rollupsIn(repaired.buckets);
    expect(expected.map((rows) => rows.length)).toEqual([10, 6, 5]);
    const withoutStamps = expected.map((rows) => rows.map(({ firstUs: _first, lastUs: _last, ...row }) => row));
    expect(await rollupsIn(buckets)).toEqual(withoutStamps);
    await repairAll(store);
    expect(await rollupsIn(buckets)).toEqual(expected);
    for (const sensor of ['temp', 'vib', 'door', 'huge']) await expectRollupsOf(store, device, points, sensor);
    await Promise.all([store.stop(1000), repaired.store.stop(1000)]);
  });

  test('leave windows that are wider than a minute to the store, and harm nothing that it wrote', async () => {
    const { store, runTasks } = await opened();
    const device = new TestDevice();
    const points = [
      windowPoint('temp', startUs, 5 * minuteUs, [1, 2, 3]),
      windowPoint('temp', startUs + 10 * secondUs, 10 * secondUs, [7, 9]),
      windowPoint('temp', startUs + minuteUs, 10 * secondUs, [8]),
      windowPoint('temp', startUs + hourUs, hourUs, [4, 5]),
    ];
    await write(store, device.pack(points));
    await repairAll(store);
    await expectRollupsOf(store, device, points);
    await runTasks([3], [1, 2]);
    await expectRollupsOf(store, device, points);
    await store.stop(1000);
  });

  test('leave segments to the store, and harm nothing that it wrote of them', async () => {
    const { store, buckets, runTasks } = await opened();
    const how = { interpolation: 'linear', maxGapUs: 10 * minuteUs } as const;
    const device = segmentDevice(how);
    const points = [
      ...[0, 4, 9].map((minute) => segmentPoint(startUs + minute * minuteUs, minute)),
      ...[2, 30].map((minute) => rawPoint('temp', startUs + minute * minuteUs, 40)),
    ];
    await write(store, device.pack(points));
    await repairAll(store);
    await expectStored(store, device, how, points);
    const segments = async () =>
      (await rollupsIn(buckets)).map((rows) => rows.filter(({ form }) => form === 'segment'));
    const first = await segments();
    // The minute of the late reading has none of segments, and says so.
    expect(first.map((rows) => rows.length)).toEqual([11, 1, 1]);
    await runTasks([3, 6, 11, 33], [1]);
    expect(await segments()).toEqual(first);
    await expectStored(store, device, how, points);
    await store.stop(1000);
  });

  test('run again and again without changing anything, and without any point to compute', async () => {
    const { store, buckets, runTasks } = await opened();
    await runTasks();
    expect(await rollupsIn(buckets)).toEqual([[], [], []]);
    await write(store, new TestDevice().pack([rawPoint('temp', startUs + 1, 1)]));
    await runTasks();
    const first = await rollupsIn(buckets);
    await runTasks();
    expect(await rollupsIn(buckets)).toEqual(first);
    expect(first.map((rows) => rows.length)).toEqual([1, 1, 1]);
    await store.stop(1000);
  });

  test('are made once, brought up to date, and set going again', async () => {
    const buckets = ownBuckets();
    const name = taskName(buckets, rollupTiers[0]);
    const restart = async () => {
      const store = influxStoreOn(influxdb, { retention: generousRetention, buckets });
      await store.start();
      await store.stop(1000);
      return probe.task(name);
    };
    const [made, ...others] = await restart();
    expect(others).toEqual([]);
    expect(await restart()).toEqual([made]);
    await probe.change(made!.id, { status: 'inactive', flux: made!.flux.replace('3m', '9m') });
    expect(await restart()).toEqual([made]);
  });
});

/** Every kind of point, over three minutes, another minute of the hour, and the next hour. */
function mixture(): Point[] {
  const at = (seconds: number) => startUs + seconds * secondUs;
  const huge = [Number.MAX_VALUE, Number.MAX_VALUE, -Number.MAX_VALUE];
  return [
    ...[0, 1, 2, 59, 60, 119.999999, 130].map((second, i) => rawPoint('temp', at(second), 20 + i / 7)),
    ...[10, 20, 70].map((second) => windowPoint('vib', at(second), 10 * secondUs, [0.1, 0.7, second])),
    rawPoint('vib', at(15), -3),
    rawPoint('vib', at(5 * 60), 4),
    rawPoint('vib', at(3600 + 61), 4),
    rawPoint('door', at(3), true),
    rawPoint('door', at(4), false),
    rawPoint('door', at(5), 'open'),
    { ...rawPoint('temp', at(6), 1000), form: 'context' },
    { ...rawPoint('temp', at(7), 1000), form: 'segment' },
    ...huge.map((value, i) => rawPoint('huge', at(i), value)),
  ];
}
