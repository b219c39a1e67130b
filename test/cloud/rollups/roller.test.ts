import { dayUs, hourUs, minuteUs } from '#core/contract/time.js';
import { RetryableError } from '#core/runtime/errors.js';
import { silentLogger } from '#core/runtime/logger.js';
import { Registry } from 'prom-client';
import { expect, onTestFinished, test, vi } from 'vitest';
import { Roller } from '../../../cloud/rollups/roller.js';
import { allPoints, allRollups, TestDevice, write } from '../../contracts/series-store/harness.js';
import { ManualClock, settle } from '../../support/manual-clock.js';
import { rawPoint } from '../../support/packs.js';
import { openDuckDB } from '../store/duckdb-files.js';

async function openLine() {
  const clock = new ManualClock();
  const under = await openDuckDB({ clock });
  const registry = new Registry();
  const roller = new Roller({ store: under.store, clock, logger: silentLogger, registry });
  onTestFinished(async () => {
    await roller.stop(1000);
    await under.close();
  });
  await roller.start();
  return { clock, store: under.store, registry, roller, device: new TestDevice() };
}

/** Lets time pass second by second until the condition holds. */
async function passUntil(clock: ManualClock, seconds: number, condition: () => Promise<boolean>): Promise<number> {
  for (let passed = 0; passed <= seconds; passed += 1) {
    // The store's native work takes real time, in which the manual clock stands still.
    const isMet = await vi.waitUntil(condition, { timeout: 100, interval: 10 }).catch(() => false);
    if (isMet) return passed;
    await clock.advance(1000);
  }
  return expect.fail(`not so within ${seconds} s`);
}

test('a minute is there within seconds of its end, in all tiers', async () => {
  const { clock, store, device } = await openLine();
  const minute = Math.floor(clock.nowUs() / minuteUs) * minuteUs;
  await write(store, device.pack([rawPoint('temp', minute + 1, 4), rawPoint('temp', minute + 2, 6)]));
  await clock.advance(59_000);
  expect(await allRollups(store, '1m', device.filter)).toEqual([]);
  const seconds = await passUntil(clock, 30, async () => (await allRollups(store, '1d', device.filter)).length > 0);
  // Three on a machine at leisure; on a busy one the clock goes on while the store works.
  expect(seconds).toBeLessThanOrEqual(30);
  for (const tier of ['1m', '1h', '1d'] as const) {
    expect(await allRollups(store, tier, device.filter)).toMatchObject([{ count: 2, sum: 10 }]);
  }
});

test('what comes late is counted within seconds', async () => {
  const { clock, store, device } = await openLine();
  const at = clock.nowUs() - 3 * dayUs;
  await write(store, device.pack([rawPoint('temp', at, 4)]));
  await passUntil(clock, 30, async () => (await allRollups(store, '1d', device.filter))[0]?.count === 1);
  await write(store, device.pack([rawPoint('temp', at + 5, 6)]));
  await passUntil(clock, 30, async () => (await allRollups(store, '1d', device.filter))[0]?.count === 2);
});

test('prunes hourly', async () => {
  const { clock, store, device } = await openLine();
  await write(store, device.pack([rawPoint('temp', clock.nowUs(), 4)]));
  clock.stepWall((9 * dayUs) / 1000);
  await passUntil(clock, hourUs / 1e6 + 5, async () => (await allPoints(store, device.filter)).length === 0);
  expect(await allRollups(store, '1d', device.filter)).toHaveLength(1);
});

test('a failing store is asked again, later and later, and told of in the metrics', async () => {
  const clock = new ManualClock();
  const registry = new Registry();
  const asked: number[] = [];
  let isAway = true;
  const repairRollups = async () => {
    asked.push(clock.monotonicMs());
    if (isAway) throw new RetryableError('unavailable', 'away');
    return { repaired: { '1m': 3, '1h': 2, '1d': 1 }, remaining: 7 };
  };
  const store = { repairRollups, prune: async () => undefined };
  const roller = new Roller({ store, clock, logger: silentLogger, registry, settleMs: 2000 });
  await roller.start();
  await roller.start();
  await clock.advance(3600);
  expect(asked).toEqual([0, 500, 1500, 3500]);
  isAway = false;
  await clock.advance(4000);
  await clock.advance(3000);
  expect(asked.slice(4)).toEqual([7500, 8500, 9500, 10_500]);
  await roller.stop(1000);
  await clock.advance(5000);
  expect(asked).toHaveLength(8);
  const metrics = await registry.metrics();
  expect(metrics).toContain('fieldline_rollups_failures_total 4');
  expect(metrics).toContain('fieldline_rollups_repaired_total{tier="1m"} 12');
  expect(metrics).toContain('fieldline_rollups_dirty 7');
  expect(metrics).toMatch(/fieldline_rollups_behind_seconds 7.1/);
});

test('a backlog is worked off without waiting', async () => {
  const clock = new ManualClock();
  let backlog = 45_000;
  const repairRollups = async () => {
    const taken = Math.min(20_000, backlog);
    backlog -= taken;
    return { repaired: { '1m': taken, '1h': 0, '1d': 0 }, remaining: backlog };
  };
  const store = { repairRollups, prune: async () => undefined };
  const roller = new Roller({ store, clock, logger: silentLogger });
  await roller.start();
  await clock.advance(1);
  await settle();
  expect(backlog).toBe(0);
  await roller.stop(1000);
});
