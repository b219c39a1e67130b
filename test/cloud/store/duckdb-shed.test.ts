import { bucketStart, dayUs, hourUs, minuteUs } from '#core/contract/time.js';
import type { Point } from '#core/contract/reading.js';
import { Registry } from 'prom-client';
import { expect, onTestFinished, test } from 'vitest';
import { expectRollupsOf, windowPoint } from '../../contracts/series-store/expected.js';
import { allPoints, always, repairAll, TestDevice, write } from '../../contracts/series-store/harness.js';
import { ManualClock } from '../../support/manual-clock.js';
import { rawPoint } from '../../support/packs.js';
import { openDuckDB } from './duckdb-files.js';

const hours = 12;
const perHour = 5000;

/** A store with twelve hours of incompressible readings that end now. */
async function openFull() {
  const clock = new ManualClock();
  const registry = new Registry();
  const under = await openDuckDB({ clock, registry });
  onTestFinished(() => under.close());
  const device = new TestDevice();
  const startUs = bucketStart(clock.nowUs(), hourUs) - hours * hourUs;
  const points: Point[] = [];
  for (let hour = 0; hour < hours; hour += 1) {
    const batch = Array.from({ length: perHour }, (_value, i) => {
      const index = hour * perHour + i;
      return rawPoint('temp', startUs + hour * hourUs + i * 600_000, Math.sin(index) * 1000);
    });
    await write(under.store, device.pack(batch));
    points.push(...batch);
  }
  return { clock, under, device, startUs, points, registry };
}

test('gives up the oldest raw points for room, and keeps their rollups', async () => {
  const { clock, under, device, startUs, points, registry } = await openFull();
  const { store } = under;
  const before = await store.bytes();
  const wanted = before / 3;
  const shed = await store.shed(wanted);
  expect(shed.readings).toBeGreaterThanOrEqual(3 * perHour);
  expect(shed.readings).toBeLessThanOrEqual(6 * perHour);
  expect(shed.bytes).toBeGreaterThan(0);
  expect(await store.bytes()).toBe(before - shed.bytes);
  const left = await allPoints(store, device.filter);
  expect(left).toHaveLength(points.length - shed.readings);
  expect(left[0]!.timeUs).toBe(startUs + (shed.readings / perHour) * hourUs);
  await repairAll(store, clock.nowUs());
  await expectRollupsOf(store, device, points);
  expect(await registry.metrics()).toContain(`fieldline_store_shed_readings_total ${shed.readings}`);
});

test('after that, late readings of the same day still count once, wherever they fall', async () => {
  const { clock, under, device, startUs, points } = await openFull();
  const { store } = under;
  const wide = windowPoint('temp', bucketStart(startUs, dayUs), 4 * hourUs, [1, 2, 3]);
  await write(store, device.pack([wide]));
  await store.shed((await store.bytes()) / 3);
  const borderUs = (await store.recent(device.series(), always, points.length))[0]!.timeUs;
  const late = [
    rawPoint('temp', startUs + 7, 5000),
    rawPoint('temp', borderUs - 1, 6000),
    rawPoint('temp', borderUs + 1, 7000),
    windowPoint('temp', startUs + 30_000_000 + 1, minuteUs / 2, [-9000]),
  ];
  const pack = device.pack(late);
  expect(await write(store, pack)).toEqual({ stored: 1, duplicate: 0, expired: 3 });
  expect(await write(store, pack)).toMatchObject({ duplicate: 4 });
  await repairAll(store, clock.nowUs());
  await expectRollupsOf(store, device, [...points, wide, ...late]);
  const restarted = await under.reopen({ registry: new Registry() });
  await write(restarted, device.pack([rawPoint('temp', borderUs + 2, 8000)]));
  await repairAll(restarted, clock.nowUs());
  await expectRollupsOf(restarted, device, [...points, wide, ...late, rawPoint('temp', borderUs + 2, 8000)]);
});

test('never gives up the hour that is running', async () => {
  const { under, device, clock } = await openFull();
  const running = rawPoint('temp', bucketStart(clock.nowUs(), hourUs), 1);
  await write(under.store, device.pack([running]));
  await under.store.shed(Number.MAX_SAFE_INTEGER);
  expect(await allPoints(under.store, device.filter)).toMatchObject([{ timeUs: running.timeUs }]);
  expect(await under.store.shed(1000)).toMatchObject({ readings: 0 });
});
