import { expect, it } from 'vitest';
import { alignedTicks } from '../../../edge/agent/aligned-ticks.js';
import { ManualClock } from '../../support/manual-clock.js';

const startUs = Date.UTC(2026, 10, 21, 10, 0, 0) * 1000;

interface Run {
  readonly clock: ManualClock;
  /** Seconds behind 10:00:00, due and actual. */
  readonly ticks: [due: number, at: number][];
  readonly end: () => void;
}

function run(intervalMs: number, clock = new ManualClock(startUs + 300_000)): Run {
  const ticks: [number, number][] = [];
  const aborter = new AbortController();
  void alignedTicks(intervalMs, clock, aborter.signal, (dueUs) => {
    ticks.push([(dueUs - startUs) / 1e6, (clock.nowUs() - startUs) / 1e6]);
  });
  return { clock, ticks, end: () => aborter.abort() };
}

it('ticks at the multiples of the interval, and does not drift', async () => {
  const { clock, ticks } = run(1000);
  await clock.advance(1000_000);
  expect(ticks).toHaveLength(1000);
  expect(ticks.at(0)).toEqual([1, 1]);
  expect(ticks.at(-1)).toEqual([1000, 1000]);
});

it('ends when told', async () => {
  const { clock, ticks, end } = run(1000);
  await clock.advance(2500);
  end();
  await clock.advance(5000);
  expect(ticks).toHaveLength(2);
});

it('follows a step of the wall clock within ten seconds, though its interval is an hour', async () => {
  const { clock, ticks } = run(3600_000);
  await clock.advance(60_000);
  clock.stepWall(3500_000);
  await clock.advance(41_000);
  expect(ticks.map(([due]) => due)).toEqual([3600]);
});

/** Seconds at which ticks are due, while the wall clock steps during the second. */
async function dueAround(stepMs: number): Promise<number[]> {
  const clock = new ManualClock(startUs);
  const due: number[] = [];
  void alignedTicks(1000, clock, new AbortController().signal, (dueUs) => {
    due.push((dueUs - startUs) / 1e6);
    if (due.length === 2) clock.stepWall(stepMs);
  });
  await clock.advance(5000);
  return due;
}

it('does not repeat a tick when its timer ended a little early', async () => {
  expect(await dueAround(-2)).toEqual([1, 2, 3, 4]);
});

it('leaves out what passed during a long callback', async () => {
  expect(await dueAround(3400)).toEqual([1, 2, 6, 7, 8]);
});

it.each([3 * 86_400_000, -3 * 86_400_000])(
  'takes no step of %i ms for a late tick, and leaves none out',
  async (stepMs) => {
    const { clock, ticks } = run(1000, new ManualClock(startUs));
    await clock.advance(2500);
    clock.stepWall(stepMs);
    await clock.advance(3000);
    expect(ticks.map(([due, at]) => Math.abs(at - due))).toEqual([0, 0, 0, 0, 0]);
    expect(ticks.map(([, at]) => at)).toEqual([1, 2, ...[3, 4, 5].map((second) => second + stepMs / 1000)]);
  },
);
