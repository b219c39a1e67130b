import { expect, test } from 'vitest';
import { OwnData } from '../../../edge/upgrade/own-data.js';
import type { NewEntry, Outbox } from '../../../edge/outbox/outbox.js';
import { runTrial } from '../../../edge/upgrade/trial.js';
import { ManualClock } from '../../support/manual-clock.js';

const entry = (lane: 'alert' | 'data'): NewEntry => ({ lane, readings: 1, encode: () => new Uint8Array() });

function outboxOf(append: Outbox['append']): Outbox {
  return { append, acknowledge: () => Promise.resolve() } as Partial<Outbox> as Outbox;
}

test('only a data pack of this process proves anything', async () => {
  let next = 100;
  const own = new OwnData({ monotonicMs: () => 0 });
  const outbox = own.watch(outboxOf((entries) => Promise.resolve(entries.map(() => next++))));
  await outbox.append([entry('alert'), entry('data')]);
  await outbox.acknowledge([7, 99]);
  await outbox.acknowledge([100]);
  expect(own.isAcknowledged).toBe(false);
  await outbox.acknowledge([8, 101]);
  expect(own.isAcknowledged).toBe(true);
});

test('a write that hangs shows', async () => {
  let [nowMs, done] = [0, (_seqs: number[]): void => undefined];
  const own = new OwnData({ monotonicMs: () => nowMs });
  const outbox = own.watch(outboxOf(() => new Promise((resolve) => (done = resolve))));
  const appended = outbox.append([entry('data')]);
  nowMs = 70_000;
  expect(own.oldestAppendMs).toBe(70_000);
  done([1]);
  await appended;
  expect(own.oldestAppendMs).toBe(0);
});

test('the time of a trial counts over its starts', async () => {
  const clock = new ManualClock();
  const kept: number[] = [];
  const begin = (usedMs: number, stopping = new AbortController()) => {
    const keep = (so: number): Promise<void> => {
      kept.push(so);
      return Promise.resolve();
    };
    const options = { trialMs: 10_000, usedMs, isProven: () => false, keep, clock, stopping: stopping.signal };
    return { stop: () => stopping.abort(), end: runTrial(options) };
  };
  const first = begin(0);
  for (let i = 0; i < 30; i += 1) await clock.advance(200);
  first.stop();
  expect(await first.end).toBeUndefined();
  expect(kept.at(-1)).toBeGreaterThanOrEqual(5800);
  const second = begin(kept.at(-1)!);
  for (let i = 0; i < 22; i += 1) await clock.advance(200);
  expect(await second.end).toBe(false);
});
