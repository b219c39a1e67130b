import { expect, it } from 'vitest';
import { RejectedError, RetryableError } from '../../../core/runtime/errors.js';
import { withOutbox, type OutboxOpener } from './harness.js';
import { decodeTraced, seqsOf, tracedEntry } from './traced-pack.js';

export function numberCases(open: OutboxOpener): void {
  it(
    'numbers packs from 0 without gaps, over both lanes',
    withOutbox(open, async (outbox) => {
      expect(outbox.epoch).toMatch(/^[0-9a-f]{32}$/);
      expect(outbox.status()).toMatchObject({ lastSeq: -1, oldestHeld: 0, pendingPacks: 0, pendingReadings: 0 });
      expect(await outbox.append([tracedEntry('data', ['a']), tracedEntry('alert', ['b', 'c'])])).toEqual([0, 1]);
      expect(await outbox.append([tracedEntry('data', ['d'])])).toEqual([2]);
      expect(await outbox.append([])).toEqual([]);
      expect(outbox.status()).toMatchObject({ lastSeq: 2, oldestHeld: 0, pendingPacks: 3, pendingReadings: 4 });
    }),
  );

  it(
    'gives overlapping appends their numbers in the order of the calls',
    withOutbox(open, async (outbox) => {
      const calls = Array.from({ length: 50 }, (_, i) =>
        outbox.append([tracedEntry('data', [`a${i}`]), tracedEntry('alert', [`b${i}`])]),
      );
      expect(await Promise.all(calls)).toEqual(calls.map((_, i) => [2 * i, 2 * i + 1]));
    }),
  );

  it(
    'encodes each pack once, with the number and the epoch that it is held under',
    withOutbox(open, async (outbox) => {
      const calls: [number, string][] = [];
      const encode = (seq: number, epoch: string) => {
        calls.push([seq, epoch]);
        return tracedEntry('data', ['x']).encode(seq, epoch);
      };
      await outbox.append([{ lane: 'data', readings: 1, encode }]);
      const [entry] = await outbox.offer('data', 1);
      expect(calls).toEqual([[0, outbox.epoch]]);
      expect(decodeTraced(entry!.payload)).toEqual({ seq: 0, epoch: outbox.epoch, readings: ['x'] });
    }),
  );

  it(
    'uses no number for an append whose encoder throws',
    withOutbox(open, async (outbox) => {
      const broken = {
        ...tracedEntry('data', ['x']),
        encode: () => {
          throw new RangeError('no');
        },
      };
      const results = await Promise.allSettled([
        outbox.append([tracedEntry('data', ['a'])]),
        outbox.append([tracedEntry('data', ['b']), broken]),
        outbox.append([tracedEntry('data', ['c'])]),
      ]);
      expect(results.map((result) => (result.status === 'fulfilled' ? result.value : result.reason))).toEqual([
        [0],
        expect.any(RejectedError),
        [1],
      ]);
      expect(outbox.status()).toMatchObject({ lastSeq: 1, pendingReadings: 2 });
    }),
  );

  it(
    'refuses a pack that no broker would take',
    withOutbox(open, async (outbox) => {
      const append = outbox.append([tracedEntry('data', ['a'], 1024 * 1024 + 1)]);
      await expect(append).rejects.toMatchObject({ name: 'RejectedError', code: 'too-large' });
      expect(outbox.status().lastSeq).toBe(-1);
    }),
  );

  it(
    'calls back after an append, until told not to',
    withOutbox(open, async (outbox) => {
      let calls = 0;
      const off = outbox.onAppend(() => (calls += 1));
      await outbox.append([tracedEntry('data', ['a'])]);
      await expect.poll(() => calls).toBe(1);
      off();
      await outbox.append([tracedEntry('data', ['b'])]);
      expect(seqsOf(await outbox.offer('data', 10))).toEqual([0, 1]);
      expect(calls).toBe(1);
    }),
  );

  it(
    'does nothing once it is stopped',
    withOutbox(open, async (outbox) => {
      await outbox.append([tracedEntry('data', ['a'])]);
      await outbox.stop(1000);
      await outbox.stop(1000);
      await expect(outbox.append([tracedEntry('data', ['b'])])).rejects.toThrow(RetryableError);
      await expect(outbox.offer('data', 1)).rejects.toMatchObject({ code: 'stopped' });
      await expect(outbox.acknowledge([0])).rejects.toMatchObject({ code: 'stopped' });
      await outbox.start();
      await outbox.start();
      expect(await outbox.append([tracedEntry('data', ['b'])])).toEqual([1]);
      expect(seqsOf(await outbox.offer('data', 10))).toEqual([0, 1]);
    }),
  );
}
