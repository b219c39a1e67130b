import { expect, it } from 'vitest';
import { drain, withOutbox, type OutboxOpener } from './harness.js';
import { decodeTraced, seqsOf, tracedEntry } from './traced-pack.js';

export function epochCases(open: OutboxOpener): void {
  it(
    'begins another with new numbers for what is pending, and nothing else',
    withOutbox(open, async (outbox) => {
      const before = outbox.epoch;
      await outbox.append(Array.from({ length: 10 }, (_, i) => tracedEntry(i % 4 === 3 ? 'alert' : 'data', [`r${i}`])));
      await outbox.offer('data', 10);
      await outbox.acknowledge([0, 1, 4]);
      const epoch = await outbox.renew!();
      expect(epoch).toMatch(/^[0-9a-f]{32}$/);
      expect(epoch).not.toBe(before);
      expect(outbox.epoch).toBe(epoch);
      expect(outbox.status()).toMatchObject({ lastSeq: 6, oldestHeld: 0, pendingPacks: 7, pendingReadings: 7 });
      expect(await outbox.append([tracedEntry('data', ['new'])])).toEqual([7]);
      const packs = (await drain(outbox)).map(({ payload }) => decodeTraced(payload));
      packs.sort((a, b) => a.seq - b.seq);
      expect(packs.map((pack) => pack.readings[0])).toEqual(['r2', 'r3', 'r5', 'r6', 'r7', 'r8', 'r9', 'new']);
      expect(packs.map((pack) => [pack.seq, pack.epoch])).toEqual(packs.map((_, i) => [i, epoch]));
    }),
  );

  it(
    'keeps the new one over a restart, and takes appends that came meanwhile',
    withOutbox(open, async (outbox) => {
      await outbox.append([tracedEntry('data', ['a'])]);
      const [epoch, numbers] = await Promise.all([outbox.renew!(), outbox.append([tracedEntry('data', ['b'])])]);
      expect(numbers).toEqual([1]);
      await outbox.stop(1000);
      await outbox.start();
      expect(outbox.epoch).toBe(epoch);
      expect(seqsOf(await drain(outbox))).toEqual([0, 1]);
    }),
  );
}
