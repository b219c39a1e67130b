import fc from 'fast-check';
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { cardLifetimeDays, CardWear } from '../../../edge/outbox/card-wear.js';
import { observeOutbox } from '../../../edge/outbox/outbox-metrics.js';

test('a synced write costs the pages it touched, also one that was begun before', () => {
  const wear = new CardWear();
  wear.append(100, true);
  expect(wear.bytes).toBe(4096);
  wear.append(100, true);
  expect(wear.bytes).toBe(2 * 4096);
  wear.append(4000, true);
  expect(wear.bytes).toBe(4 * 4096);
});

test('what is not synced waits for the next that is', () => {
  const wear = new CardWear();
  for (let i = 0; i < 10; i += 1) wear.append(50, false);
  expect(wear.bytes).toBe(0);
  wear.append(50, true);
  expect(wear.bytes).toBe(4096);
});

test('never less than the bytes, never more than two pages a write over them', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 20_000 })), (writes) => {
      const wear = new CardWear();
      for (const bytes of writes) wear.append(bytes, true);
      const sum = writes.reduce((total, bytes) => total + bytes, 0);
      expect(wear.bytes).toBeGreaterThanOrEqual(sum);
      expect(wear.bytes).toBeLessThanOrEqual(sum + writes.length * 2 * 4096);
    }),
  );
});

test('the lifetime is told in days, and is infinite before anything was written', async () => {
  expect(cardLifetimeDays(10e12, 0, 1000)).toBe(Infinity);
  // 1 GB a day out of 10 TB.
  expect(cardLifetimeDays(10e12, 1e9, 86_400_000)).toBeCloseTo(10_000);
  const registry = new Registry();
  observeOutbox(registry, {
    status: () => undefined,
    writtenBytes: () => 5e8,
    wornBytes: () => 1e9,
    readingsIn: () => 1e7,
    elapsedMs: () => 86_400_000,
    enduranceBytes: 10e12,
  });
  expect(await registry.metrics()).toMatch(/^fieldline_edge_outbox_card_lifetime_days 10000$/m);
});
