import { setImmediate as turn } from 'node:timers/promises';
import { dayUs, minuteUs } from '#core/contract/time.js';
import { expect, test } from 'vitest';
import type { SeriesStore } from '../../../cloud/store/store.js';
import { rawPoint } from '../../support/packs.js';
import { allPoints, allRollups, always, pastDayUs, repairAll, TestDevice, write } from './harness.js';

/** Ranges, order, pages, and reading while somebody writes. */
export function readCases(store: () => SeriesStore): void {
  test('a range includes its start and excludes its end', async () => {
    const device = new TestDevice();
    const points = [0, 1, 2, 3].map((i) => rawPoint('temp', pastDayUs + i * minuteUs, i));
    await write(store(), device.pack(points));
    await repairAll(store());
    const range = { fromUs: pastDayUs + minuteUs, toUs: pastDayUs + 3 * minuteUs };
    const expected = [1, 2].map((i) => pastDayUs + i * minuteUs);
    expect((await allPoints(store(), device.filter, range)).map(({ timeUs }) => timeUs)).toEqual(expected);
    expect((await store().recent(device.series(), range, 10)).map(({ timeUs }) => timeUs)).toEqual(expected);
    expect((await allRollups(store(), '1m', device.filter, range)).map(({ timeUs }) => timeUs)).toEqual(expected);
    expect(await allPoints(store(), device.filter, { fromUs: pastDayUs, toUs: pastDayUs })).toEqual([]);
  });

  test('recent hands out the newest of a range, oldest first', async () => {
    const device = new TestDevice(['temp', 'other']);
    const points = [5, 1, 4, 2, 3].map((i) => rawPoint('temp', pastDayUs + i, i));
    await write(store(), device.pack([...points, rawPoint('other', pastDayUs + 9, 9)]));
    const values = async (limit: number, toUs = pastDayUs + dayUs) =>
      (await store().recent(device.series(), { fromUs: pastDayUs, toUs }, limit)).map(({ value }) => value);
    expect(await values(3)).toEqual([3, 4, 5]);
    expect(await values(100)).toEqual([1, 2, 3, 4, 5]);
    expect(await values(2, pastDayUs + 4)).toEqual([2, 3]);
    expect(await store().recent({ ...device.series(), sensor: 'nobody' }, always, 5)).toEqual([]);
  });

  test('recent fills its limit although points came twice', async () => {
    const device = new TestDevice();
    const points = Array.from({ length: 20 }, (_value, i) => rawPoint('temp', pastDayUs + i, i));
    await write(store(), device.pack(points));
    for (let again = 0; again < 4; again += 1) await write(store(), device.pack(points.slice(10)));
    expect((await store().recent(device.series(), always, 15)).map(({ value }) => value)).toEqual(
      points.slice(5).map(({ value }) => value),
    );
  });

  test('points and rollups come in order of series, then time', async () => {
    const first = new TestDevice(['b', 'a-1', 'a', 'B']);
    const points = ['b', 'a-1', 'a', 'B'].flatMap((sensor) =>
      [3, 1, 2].map((i) => rawPoint(sensor, pastDayUs + i * minuteUs, i)),
    );
    await write(store(), first.pack(points));
    await repairAll(store());
    const expected = ['B', 'a', 'a-1', 'b'].flatMap((sensor) => [1, 2, 3].map((i) => `${sensor} ${i}`));
    const name = (row: { sensor: string; timeUs: number }) => `${row.sensor} ${(row.timeUs - pastDayUs) / minuteUs}`;
    expect((await allPoints(store(), first.filter)).map(name)).toEqual(expected);
    expect((await allRollups(store(), '1m', first.filter)).map(name)).toEqual(expected);
  });

  test('pages join without a gap or a repeat, and a reader may leave early', async () => {
    const device = new TestDevice();
    for (let batch = 0; batch < 3; batch += 1) {
      const points = Array.from({ length: 5000 }, (_value, i) => rawPoint('temp', pastDayUs + batch * 5000 + i, i));
      await write(store(), device.pack(points));
    }
    const stamps = (await allPoints(store(), device.filter)).map(({ timeUs }) => timeUs - pastDayUs);
    expect(stamps).toEqual(Array.from({ length: 15_000 }, (_value, i) => i));
    for await (const page of store().points(device.filter, always)) {
      expect(page.length).toBeGreaterThan(0);
      break;
    }
    expect(await store().recent(device.series(), always, 1)).toHaveLength(1);
  });

  test('filters by site, device and sensor', async () => {
    const device = new TestDevice(['temp', 'vib']);
    const other = new TestDevice(['temp']);
    await write(store(), device.pack([rawPoint('temp', pastDayUs, 1), rawPoint('vib', pastDayUs, 2)]));
    await write(store(), other.pack([rawPoint('temp', pastDayUs, 3)]));
    const values = async (filter: object) => (await allPoints(store(), filter)).map(({ value }) => value);
    expect(await values({ site: device.catalogue.site })).toEqual([1, 2]);
    expect(await values({ device: other.catalogue.device })).toEqual([3]);
    expect(await values({ site: device.catalogue.site, sensor: 'vib' })).toEqual([2]);
    expect(await values({ site: device.catalogue.site, device: other.catalogue.device })).toEqual([]);
  });

  test('readers see everything acknowledged, while writes go on', async () => {
    const device = new TestDevice();
    let acknowledged = 0;
    let done = false;
    const reader = async (read: () => Promise<number>): Promise<number> => {
      let reads = 0;
      for (; !done; reads += 1) {
        const before = acknowledged;
        expect(await read()).toBeGreaterThanOrEqual(before);
        // A ledger in memory answers without leaving the writer a turn.
        await turn();
      }
      return reads;
    };
    const readers = [
      reader(async () => (await store().recent(device.series(), always, 10_000)).length),
      reader(async () => (await allPoints(store(), device.filter)).length),
      reader(async () => 10 * ((await store().ledger(device.filter)).get(device.source)?.size ?? 0)),
    ];
    for (let i = 0; i < 30; i += 1) {
      const points = Array.from({ length: 10 }, (_value, j) => rawPoint('temp', pastDayUs + i * 10 + j, j));
      await write(store(), device.pack(points));
      acknowledged += 10;
    }
    done = true;
    for (const reads of await Promise.all(readers)) expect(reads).toBeGreaterThan(0);
    expect(await allPoints(store(), device.filter)).toHaveLength(300);
  });
}
