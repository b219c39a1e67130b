import { expect, it } from 'vitest';
import { drain, withOutbox, type OutboxOpener } from './harness.js';
import { seqsOf, tracedEntry } from './traced-pack.js';

/** For implementations that survive their process. */
export function restartCases(open: OutboxOpener): void {
  it(
    'has after a crash everything whose append resolved, under the same epoch and numbers',
    withOutbox(open, async (outbox, { crash }) => {
      const { epoch } = outbox;
      await outbox.append(Array.from({ length: 5 }, (_, i) => tracedEntry(i === 2 ? 'alert' : 'data', [`r${i}`])));
      await outbox.offer('data', 2);
      await outbox.acknowledge([0]);
      const again = await crash!();
      try {
        expect(again.outbox.epoch).toBe(epoch);
        expect(again.outbox.status().lastSeq).toBe(4);
        expect(await again.outbox.append([tracedEntry('data', ['r5'])])).toEqual([5]);
        // The receipt was perhaps not on disk yet: a repeat is harmless.
        expect(seqsOf(await drain(again.outbox)).filter((seq) => seq > 0)).toEqual([2, 1, 3, 4, 5]);
      } finally {
        await again.close();
      }
    }),
  );

  it(
    'remembers receipts over an orderly stop',
    withOutbox(open, async (outbox) => {
      await outbox.append([tracedEntry('data', ['a']), tracedEntry('alert', ['b']), tracedEntry('data', ['c'])]);
      await outbox.offer('data', 1);
      await outbox.offer('alert', 1);
      await outbox.acknowledge([0, 1]);
      await outbox.stop(1000);
      await outbox.start();
      expect(outbox.status()).toMatchObject({ lastSeq: 2, oldestHeld: 0, pendingPacks: 1 });
      expect(seqsOf(await drain(outbox))).toEqual([2]);
      expect(await outbox.resend(0, 0)).toEqual([0]);
    }),
  );

  it(
    'finds every pending alert again, however many there are',
    withOutbox(open, async (outbox, { crash }) => {
      await outbox.append(
        Array.from({ length: 900 }, (_, i) => tracedEntry(i % 3 === 0 ? 'data' : 'alert', [`r${i}`])),
      );
      await outbox.offer('alert', 20);
      await outbox.acknowledge([1, 2, 4]);
      await outbox.append([tracedEntry('alert', ['last'])]);
      const again = await crash!();
      try {
        expect(again.outbox.status()).toMatchObject({ pendingPacks: 898, pendingReadings: 898 });
        const alerts = seqsOf(await again.outbox.offer('alert', 1000));
        expect(alerts).toEqual([...Array(900).keys()].filter((i) => i > 4 && i % 3 !== 0).concat(900));
      } finally {
        await again.close();
      }
    }),
  );
}
