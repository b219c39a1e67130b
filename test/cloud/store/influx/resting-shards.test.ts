import { dayUs, minuteUs } from '#core/contract/time.js';
import { beforeEach, expect, test } from 'vitest';
import { daysOf, RestingShards } from '../../../../cloud/store/influx/resting-shards.js';
import { ManualClock } from '../../../support/manual-clock.js';

let clock: ManualClock;
let shards: RestingShards;
beforeEach(() => {
  clock = new ManualClock();
  shards = new RestingShards(clock, 200);
});

/** Writes for some days; resolves with when, and whether it was said to be again, once all pauses are over. */
async function written(days: number[], bucket = 'realtime'): Promise<(readonly [ms: number, isAgain: boolean])[]> {
  const startedMs = clock.monotonicMs();
  const calls: (readonly [number, boolean])[] = [];
  const writing = shards.guard(bucket, new Set(days), async (isAgain) => {
    calls.push([clock.monotonicMs() - startedMs, isAgain]);
  });
  await clock.advance(1000);
  await writing;
  return calls;
}

const once = [[0, false]];
const twice = [...once, [200, true]];

test('what comes first for a day is written again after a pause, the rest once', async () => {
  expect(await written([7])).toEqual(twice);
  expect(await written([7])).toEqual(once);
  expect(await written([7, 8])).toEqual(twice);
  expect(await written([8, 7])).toEqual(once);
});

test('the days of each bucket are their own', async () => {
  await written([7]);
  expect(await written([7], 'alerts')).toEqual(twice);
});

test('a day that was not written to for a minute may be at rest again', async () => {
  await written([7]);
  for (let i = 0; i < 3; i += 1) {
    await clock.advance(50_000);
    expect(await written([7])).toEqual(once);
  }
  await clock.advance(60_000);
  expect(await written([7])).toEqual(twice);
});

test('a day whose second write fails is still taken for one at rest', async () => {
  const writing = expect(
    shards.guard('realtime', new Set([7]), (isAgain) => (isAgain ? Promise.reject(new Error('away')) : clock.sleep(0))),
  ).rejects.toThrow('away');
  await clock.advance(1000);
  await writing;
  expect(await written([7])).toEqual(twice);
});

test('after thousands of days it still knows the last ones', async () => {
  for (let day = 0; day < 3000; day += 100) await written(Array.from({ length: 100 }, (_none, i) => day + i));
  expect(await written([2999])).toEqual(once);
  await clock.advance(60_000);
  expect(await written([5000])).toEqual(twice);
  expect(await written([5000])).toEqual(once);
});

test('nothing to write is not waited for', async () => {
  expect(await written([])).toEqual(once);
});

test('the days of line protocol, before 1970 too', () => {
  const lines = [`m,a=b\\ c v=1 ${20 * dayUs}`, `m v="x y 5" ${20 * dayUs + minuteUs}`, `m v=1 -1`];
  expect(daysOf([`${lines.join('\n')}\n`, `m v=1 ${21 * dayUs}`, ''])).toEqual(new Set([20, -1, 21]));
});
