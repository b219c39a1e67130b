import { expect, it } from 'vitest';
import type { Outbox } from '../../../edge/outbox/outbox.js';
import { withOutbox, type OutboxOpener } from './harness.js';
import { seqsOf, tracedEntry } from './traced-pack.js';

/** Data at 0 1 3 4 6 7 9, alerts at 2 5 8. */
async function mixed(outbox: Outbox): Promise<void> {
  await outbox.append(Array.from({ length: 10 }, (_, i) => tracedEntry(i % 3 === 2 ? 'alert' : 'data', [`r${i}`])));
}

export function laneCases(open: OutboxOpener): void {
  it(
    'offers each lane in the order of its numbers, each pack once',
    withOutbox(open, async (outbox) => {
      await mixed(outbox);
      expect(seqsOf(await outbox.offer('data', 3))).toEqual([0, 1, 3]);
      expect(seqsOf(await outbox.offer('alert', 2))).toEqual([2, 5]);
      expect(seqsOf(await outbox.offer('data', 10))).toEqual([4, 6, 7, 9]);
      expect(seqsOf(await outbox.offer('alert', 10))).toEqual([8]);
      expect(await outbox.offer('data', 10)).toEqual([]);
      expect(await outbox.offer('data', 0)).toEqual([]);
      expect(outbox.status().pendingPacks).toBe(10);
    }),
  );

  it(
    'holds data back from a number on, whatever the order, and alerts never',
    withOutbox(open, async (outbox) => {
      await mixed(outbox);
      expect(seqsOf(await outbox.offer('data', 10, 'oldest', 4))).toEqual([0, 1, 3]);
      expect(await outbox.offer('data', 10, 'oldest', 4)).toEqual([]);
      expect(await outbox.offer('data', 10, 'oldest', 0)).toEqual([]);
      expect(seqsOf(await outbox.offer('alert', 10, 'oldest', 4))).toEqual([2, 5, 8]);
      expect(seqsOf(await outbox.offer('data', 10, 'oldest', 7))).toEqual([4, 6]);
      outbox.rewind();
      await outbox.append([tracedEntry('data', ['r10'])]);
      expect(await outbox.offer('data', 10, 'newest-session', 4)).toEqual([]);
      expect(seqsOf(await outbox.offer('data', 10, 'newest-session'))).toEqual([10]);
      expect(seqsOf(await outbox.offer('data', 10))).toEqual([0, 1, 3, 4, 6, 7, 9]);
    }),
  );

  it(
    'never gives one pack to two offers at once',
    withOutbox(open, async (outbox) => {
      await mixed(outbox);
      const offers = await Promise.all([outbox.offer('data', 4), outbox.offer('alert', 4), outbox.offer('data', 4)]);
      expect(offers.flatMap(seqsOf).sort((a, b) => a - b)).toEqual([...Array(10).keys()]);
    }),
  );

  it(
    'offers again after a rewind what was not acknowledged',
    withOutbox(open, async (outbox) => {
      await mixed(outbox);
      await outbox.offer('data', 10);
      await outbox.offer('alert', 10);
      await outbox.acknowledge([1, 4, 5, 5, 99]);
      expect(outbox.status()).toMatchObject({ pendingPacks: 7, pendingReadings: 7 });
      outbox.rewind();
      expect(seqsOf(await outbox.offer('data', 10))).toEqual([0, 3, 6, 7, 9]);
      expect(seqsOf(await outbox.offer('alert', 10))).toEqual([2, 8]);
      await outbox.acknowledge([0, 2, 3, 6, 7, 8, 9]);
      outbox.rewind();
      expect(await outbox.offer('data', 10)).toEqual([]);
      expect(outbox.status()).toMatchObject({ pendingPacks: 0, pendingReadings: 0 });
    }),
  );

  it(
    'takes a receipt for a pack that this session has not offered',
    withOutbox(open, async (outbox) => {
      await mixed(outbox);
      await outbox.acknowledge([0, 2]);
      expect(outbox.status().pendingPacks).toBe(8);
      expect(seqsOf(await outbox.offer('data', 1))).toEqual([1]);
      expect(seqsOf(await outbox.offer('alert', 1))).toEqual([5]);
    }),
  );

  it(
    'lets live data pass the backlog, and the backlog follow',
    withOutbox(open, async (outbox) => {
      await mixed(outbox);
      outbox.rewind();
      expect(await outbox.offer('data', 10, 'newest-session')).toEqual([]);
      await mixed(outbox);
      expect(seqsOf(await outbox.offer('data', 3, 'newest-session'))).toEqual([10, 11, 13]);
      expect(seqsOf(await outbox.offer('data', 3))).toEqual([0, 1, 3]);
      expect(seqsOf(await outbox.offer('data', 10, 'newest-session'))).toEqual([14, 16, 17, 19]);
      expect(seqsOf(await outbox.offer('data', 10))).toEqual([4, 6, 7, 9]);
      expect(seqsOf(await outbox.offer('alert', 10))).toEqual([2, 5, 8, 12, 15, 18]);
    }),
  );

  it(
    'drops an offer that a rewind overtook',
    withOutbox(open, async (outbox) => {
      await mixed(outbox);
      const late = outbox.offer('data', 3);
      outbox.rewind();
      const all = new Set([...seqsOf(await late), ...seqsOf(await outbox.offer('data', 10))]);
      // Whether the first one was still in time or not: nothing is missing from the new session.
      expect([...all]).toEqual([0, 1, 3, 4, 6, 7, 9]);
    }),
  );

  it(
    'puts acknowledged packs back when they are asked for again',
    withOutbox(open, async (outbox) => {
      await mixed(outbox);
      const before = [...(await outbox.offer('data', 10)), ...(await outbox.offer('alert', 10))];
      await outbox.acknowledge([0, 1, 2, 3, 4, 5]);
      expect(await outbox.resend(3, 7)).toEqual([3, 4, 5]);
      expect(await outbox.resend(3, 7)).toEqual([]);
      expect(await outbox.resend(100, 200)).toEqual([]);
      expect(outbox.status()).toMatchObject({ lastSeq: 9, oldestHeld: 0, pendingPacks: 7 });
      const again = [...(await outbox.offer('data', 10)), ...(await outbox.offer('alert', 10))];
      expect(seqsOf(again)).toEqual([3, 4, 5]);
      const payloads = new Map(before.map(({ seq, payload }) => [seq, Buffer.from(payload)]));
      for (const { seq, payload } of again) expect(Buffer.from(payload)).toEqual(payloads.get(seq));
      await outbox.acknowledge([3, 4, 5, 6, 7, 8, 9]);
      expect(outbox.status()).toMatchObject({ pendingPacks: 0, pendingReadings: 0 });
    }),
  );
}
