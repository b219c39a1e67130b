import { describe, expect, it } from 'vitest';
import { ReconnectDelays } from '../../../edge/uplink/reconnect-delays.js';

const schedule = { firstMs: 500, maxMs: 30_000 };
const take = (delays: ReconnectDelays, count: number, isBusy: boolean) =>
  Array.from({ length: count }, () => delays.next(isBusy));

describe('the time until the next try to connect', () => {
  it('doubles up to its limit, and chance takes away at most half', () => {
    expect(take(new ReconnectDelays(schedule, () => 0), 8, false)).toEqual([
      500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000,
    ]);
    expect(take(new ReconnectDelays(schedule, () => 1), 2, false)).toEqual([250, 500]);
  });

  it('is long and spread wide when the gateway has no room', () => {
    expect(take(new ReconnectDelays(schedule, () => 0), 6, true)).toEqual([
      5000, 10_000, 20_000, 40_000, 60_000, 60_000,
    ]);
    expect(take(new ReconnectDelays(schedule, () => 1), 1, true)[0]).toBeCloseTo(500);
  });

  it('begins anew after a good connection', () => {
    const delays = new ReconnectDelays(schedule, () => 0);
    take(delays, 5, false);
    take(delays, 5, true);
    delays.reset();
    expect([delays.next(false), delays.next(true)]).toEqual([500, 5000]);
  });
});
