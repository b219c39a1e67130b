import { expect, it } from 'vitest';
import type { Reading } from '../../../../core/contract/reading.js';
import { BusRounds, type BusChannel } from '../../../../edge/sensors/linux/bus-rounds.js';
import { ManualClock, settle } from '../../../support/manual-clock.js';

/** Channels that take so many milliseconds of the clock, and the greatest number of them that were read at once. */
function channelsOn(clock: ManualClock, buses: Record<string, number[]>, isSlow: boolean) {
  const seen = { now: 0, most: 0, order: [] as string[] };
  const channels = Object.entries(buses).flatMap(([bus, durations]) =>
    durations.map((ms, i): BusChannel => ({
      bus,
      isSlow,
      failed: () => undefined,
      read: async (): Promise<Reading> => {
        seen.most = Math.max(seen.most, (seen.now += 1));
        await clock.sleep(ms);
        seen.now -= 1;
        seen.order.push(`${bus}${i}`);
        return { sensor: `${bus}${i}`, timeUs: clock.nowUs(), value: ms, quality: 'good' };
      },
    })),
  );
  return { channels, seen };
}

async function roundWithin(clock: ManualClock, rounds: BusRounds, channels: BusChannel[], waitMs: number) {
  const round = rounds.round(channels, waitMs);
  await clock.advance(waitMs);
  return (await round).readings.map(({ sensor }) => sensor);
}

it('channels of one bus wait for each other, those of others do not', async () => {
  const clock = new ManualClock();
  const { channels, seen } = channelsOn(clock, { a: [10, 10, 10], b: [15], c: [1] }, false);
  const rounds = new BusRounds(clock);
  expect(await roundWithin(clock, rounds, channels, 50)).toEqual(['c0', 'a0', 'b0', 'a1', 'a2']);
  expect(seen.most).toBe(3);
});

it('of slow buses two are read at once, and each has its turn though one hangs for ever', async () => {
  const clock = new ManualClock();
  const { channels, seen } = channelsOn(clock, { a: [Infinity], b: [750, 750], c: [750], d: [750] }, true);
  const rounds = new BusRounds(clock);
  expect(await roundWithin(clock, rounds, channels, 4000)).toEqual(['b0', 'b1', 'c0', 'd0']);
  expect(seen.most).toBe(2);
  expect(rounds.slowest()).toEqual({ bus: 'a', forMs: 4000 });
  // Its turn is lost, and nothing else.
  expect(await roundWithin(clock, rounds, channels, 4000)).toEqual(['b0', 'b1', 'c0', 'd0']);
  expect(seen.order.filter((name) => name === 'a0')).toEqual([]);
  await settle();
});

it('what comes after the wait is handed over by the next round, which does not begin a second one', async () => {
  const clock = new ManualClock();
  const { channels, seen } = channelsOn(clock, { a: [750], b: [1] }, true);
  const rounds = new BusRounds(clock);
  expect(await roundWithin(clock, rounds, channels, 500)).toEqual(['b0']);
  expect(await roundWithin(clock, rounds, channels, 500)).toEqual(['b0', 'a0']);
  expect(seen.order).toEqual(['b0', 'b0', 'a0']);
});
