import { expect, it } from 'vitest';
import type { Clock } from '../../../core/runtime/clock.js';
import { RejectedError, RetryableError } from '../../../core/runtime/errors.js';
import { startAll, stopAll, type Part } from '../../../core/runtime/lifecycle.js';
import { retry, retryDelays } from '../../../core/runtime/retry.js';

function part(name: string, trace: string[], fails?: 'start' | 'stop'): Part {
  const step = (what: 'start' | 'stop') => {
    trace.push(`${what} ${name}`);
    return fails === what ? Promise.reject(new Error(name)) : Promise.resolve();
  };
  return { start: () => step('start'), stop: () => step('stop') };
}

it('starts in order and stops in reverse', async () => {
  const trace: string[] = [];
  const parts = [part('store', trace), part('gateway', trace)];
  await startAll(parts);
  await stopAll(parts, 1000);
  expect(trace).toEqual(['start store', 'start gateway', 'stop gateway', 'stop store']);
});

it('stops what it had started when a start fails', async () => {
  const trace: string[] = [];
  await expect(startAll([part('a', trace), part('b', trace, 'start'), part('c', trace)])).rejects.toThrow('b');
  expect(trace).toEqual(['start a', 'start b', 'stop a']);
});

it('stops everything even when a part fails, and reports all failures', async () => {
  const trace: string[] = [];
  const parts = [part('a', trace, 'stop'), part('b', trace), part('c', trace, 'stop')];
  await expect(stopAll(parts, 1000)).rejects.toThrow(AggregateError);
  expect(trace).toEqual(['stop c', 'stop b', 'stop a']);
});

const slept: number[] = [];
const clock: Clock = { nowUs: () => 0, monotonicMs: () => 0, sleep: (ms) => (slept.push(ms), Promise.resolve()) };

it('a retry schedule doubles up to its ceiling and can be listed', () => {
  const delays = retryDelays({ firstMs: 100, maxMs: 1000, jitter: 0.5 }, () => 0.5);
  expect(Array.from({ length: 6 }, () => delays.next().value)).toEqual([75, 150, 300, 600, 750, 750]);
});

it('tries again only what may succeed', async () => {
  let tries = 0;
  const value = await retry(
    () => {
      tries += 1;
      return tries < 3 ? Promise.reject(new RetryableError('unavailable', 'away')) : Promise.resolve('done');
    },
    { clock, delays: [1, 2, 3] },
  );
  expect([value, tries, slept]).toEqual(['done', 3, [1, 2]]);
  await expect(
    retry(() => Promise.reject(new RejectedError('too-large', 'big')), { clock, delays: [1] }),
  ).rejects.toThrow('big');
});

it('ends with the last error when the delays end', async () => {
  await expect(
    retry(() => Promise.reject(new RetryableError('unavailable', 'away')), { clock, delays: [1] }),
  ).rejects.toThrow('away');
});
