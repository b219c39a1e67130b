import { expect, test } from 'vitest';
import { LatencyWindow } from '../../../cloud/ingest/latency.js';
import { RateMeter } from '../../../cloud/serve/rate-meter.js';
import { systemClock } from '../../../core/runtime/clock.js';

function handClock(startMs = 5000) {
  let nowMs = startMs;
  return { clock: { ...systemClock, monotonicMs: () => nowMs }, pass: (ms: number) => (nowMs += ms) };
}

test('latencies of the last minute, to about five percent', () => {
  const { clock, pass } = handClock();
  const latency = new LatencyWindow(clock);
  expect(latency.summary()).toBeNull();
  for (let ms = 1; ms <= 1000; ms += 1) latency.observe(ms);
  const { p50, p99, max } = latency.summary()!;
  expect(p50 / 500).toBeCloseTo(1, 0);
  expect(Math.abs(p50 - 500)).toBeLessThan(51);
  expect(Math.abs(p99 - 990)).toBeLessThan(100);
  expect(max).toBe(1000);
  pass(45_000);
  latency.observe(-3);
  expect(latency.summary()!.max).toBe(1000);
  pass(15_001);
  expect(latency.summary()!.max).toBeLessThanOrEqual(0);
  pass(600_000);
  expect(latency.summary()).toBeNull();
});

test('a rate over the last ten seconds, and less while it has not run as long', () => {
  const { clock, pass } = handClock();
  const rate = new RateMeter(clock);
  expect(rate.perSecond()).toBe(0);
  for (let second = 0; second < 4; second += 1) {
    rate.add(100);
    pass(1000);
  }
  expect(rate.perSecond()).toBe(100);
  for (let second = 0; second < 16; second += 1) {
    rate.add(50);
    pass(1000);
  }
  expect(rate.perSecond()).toBe(50);
  pass(11_000);
  expect(rate.perSecond()).toBe(0);
});
