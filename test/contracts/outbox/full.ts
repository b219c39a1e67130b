import { expect, it } from 'vitest';
import { SequenceRanges } from '../../../core/contract/sequence-ranges.js';
import { RetryableError } from '../../../core/runtime/errors.js';
import { bigBytes, drain, fill, withOutbox, type OutboxOpener } from './harness.js';
import { decodeTraced, seqsOf, stubbornThinner, tracedEntry } from './traced-pack.js';

const small = { small: true };

export function fullCases(open: OutboxOpener): void {
  it(
    'gives up acknowledged packs first, the oldest of them, and loses nothing',
    withOutbox(
      open,
      async (outbox) => {
        const kept = await outbox.append([tracedEntry('data', ['kept'], bigBytes)]);
        for (let i = 0; i < 150; i += 1) {
          await fill(outbox, 1, `${i}-`);
          await outbox.acknowledge([i + 1]);
        }
        expect(outbox.status()).toMatchObject({ lastSeq: 150, oldestHeld: 0, pendingPacks: 1 });
        expect(await outbox.resend(1, 5)).toEqual([]);
        expect(seqsOf(await drain(outbox))).toEqual(kept);
        await fill(outbox, 100);
        expect(outbox.status().oldestHeld).toBeGreaterThan(100);
      },
      small,
    ),
  );

  it(
    'thins the oldest packs that were never offered, and says which numbers went',
    withOutbox(
      open,
      async (outbox) => {
        const offered = seqsOf(await (await fill(outbox, 3), outbox.offer('data', 2)));
        outbox.rewind();
        await fill(outbox, 90, 'x');
        const received = await drainAll(outbox);
        const numbers = SequenceRanges.from(received.map(({ seq }) => [seq, seq]));
        for (const { replaces = [] } of received) for (const [from, to] of replaces) numbers.add(from, to);
        expect(numbers.missing(0, outbox.status().lastSeq)).toEqual([]);
        const thinned = received.filter(({ replaces }) => replaces);
        expect(thinned.length).toBeGreaterThan(0);
        expect(offered.every((seq) => received.some((pack) => pack.seq === seq && !pack.replaces))).toBe(true);
        expect(received.flatMap(({ readings }) => readings)).toHaveLength(93);
        expect(received.some(({ dropped }) => dropped)).toBe(false);
      },
      small,
    ),
  );

  it(
    'drops the oldest into a tombstone when nothing can be thinned',
    withOutbox(
      open,
      async (outbox) => {
        await fill(outbox, 120);
        const received = await drainAll(outbox);
        const readings = received.flatMap((pack) => pack.readings);
        const dropped = received.reduce((sum, pack) => sum + (pack.dropped ?? 0), 0);
        expect(dropped).toBeGreaterThan(0);
        expect(readings.length + dropped).toBe(120);
        expect(readings.at(-1)).toBe('r119');
        expect(readings).not.toContain('r0');
      },
      { small: true, thinner: stubbornThinner },
    ),
  );

  it(
    'touches no pack that was offered: then it is full, and works again after receipts',
    withOutbox(
      open,
      async (outbox) => {
        let error: unknown;
        for (let i = 0; i < 200 && !error; i += 1) {
          await fill(outbox, 1, `${i}-`).catch((thrown: unknown) => (error = thrown));
          await outbox.offer('data', 10);
        }
        expect(error).toBeInstanceOf(RetryableError);
        expect(error).toMatchObject({ code: 'disk-full' });
        const { lastSeq, pendingPacks } = outbox.status();
        expect(pendingPacks).toBe(lastSeq + 1);
        outbox.rewind();
        expect(seqsOf(await drain(outbox))).toEqual([...Array(lastSeq + 1).keys()]);
        expect(await fill(outbox, 1)).toEqual([lastSeq + 1]);
      },
      small,
    ),
  );

  it(
    'keeps alerts longest',
    withOutbox(
      open,
      async (outbox) => {
        const alerts = await outbox.append([tracedEntry('alert', ['a1']), tracedEntry('alert', ['a2'])]);
        await fill(outbox, 120);
        expect(seqsOf(await outbox.offer('alert', 10))).toEqual(alerts);
      },
      { small: true, thinner: stubbornThinner },
    ),
  );
}

async function drainAll(outbox: Parameters<typeof drain>[0]) {
  outbox.rewind();
  return (await drain(outbox)).map(({ payload }) => decodeTraced(payload));
}
