import { describe, expect, test } from 'vitest';
import { StoreWriter, type StoreWriterOptions, type WriteItem } from '../../../cloud/ingest/store-writer.js';
import type { StoreBatch, WriteOutcome } from '../../../cloud/store/store.js';
import { systemClock } from '../../../core/runtime/clock.js';
import { RejectedError, RetryableError } from '../../../core/runtime/errors.js';
import { rawPoint, testCatalogue, testPack } from '../../support/packs.js';
import { waitFor } from '../../servers/wait-for.js';

const catalogue = testCatalogue(['temp']);

interface Item extends WriteItem {
  fate: string;
}

function item(seq: number, readings = 1): Item {
  const points = Array.from({ length: readings }, (_, i) => rawPoint('temp', seq * 1000 + i, i));
  const made: Item = {
    pack: { pack: testPack(catalogue, seq, points), catalogue },
    readings,
    fate: 'open',
    stored: () => (made.fate = `${made.fate} stored`),
    reject: async (error) => void (made.fate = `${made.fate} ${error.code}`),
  };
  return made;
}

/** A writer over a store whose `write` is given; `batches` are the numbers of the packs of each call. */
function writerOver(write: (batch: StoreBatch) => Promise<void>, over: Partial<StoreWriterOptions> = {}) {
  const batches: number[][] = [];
  const outcomes: WriteOutcome[] = [];
  const writer = new StoreWriter({
    store: {
      write: async (batch) => {
        batches.push(batch.packs.map(({ pack }) => pack.seq));
        await write(batch);
        const stored = batch.packs.reduce((sum, { pack }) => sum + pack.points.length, 0);
        return { stored, duplicate: 0, expired: 0 };
      },
    },
    clock: systemClock,
    random: () => 0,
    gatherMs: 5,
    maxReadings: 10,
    retry: { firstMs: 1, maxMs: 2 },
    onStored: (_, outcome) => outcomes.push(outcome),
    onRetry: () => undefined,
    onFailed: () => undefined,
    ...over,
  });
  return { writer, batches, outcomes };
}

describe('store writer', () => {
  test('gathers what comes at once into one write, and bounds it', async () => {
    const { writer, batches } = writerOver(async () => undefined);
    const items = [item(1, 4), item(2, 4), item(3, 4), item(4, 40)];
    await Promise.all([writer.write(items.slice(0, 1)), writer.write(items.slice(1, 3)), writer.write(items.slice(3))]);
    expect(batches).toEqual([[1, 2], [3], [4]]);
    expect(items.map(({ fate }) => fate)).toEqual(Array(4).fill('open stored'));
  });

  test('never has two writes in work, and gathers while one is', async () => {
    let open = 0;
    let release: () => void = () => undefined;
    const { writer, batches } = writerOver(async () => {
      expect((open += 1)).toBe(1);
      await new Promise<void>((resolve) => (release = resolve));
      open -= 1;
    });
    const first = writer.write([item(1)]);
    await waitFor('the first write', 2000, () => batches.length === 1, 1);
    const others = Promise.all([writer.write([item(2)]), writer.write([item(3)])]);
    release();
    await first;
    await waitFor('the second write', 2000, () => batches.length === 2, 1);
    release();
    await others;
    expect(batches).toEqual([[1], [2, 3]]);
  });

  test('tries again until the store is back, and loses nothing that came meanwhile', async () => {
    let tries = 0;
    const { writer, batches } = writerOver(async () => {
      if ((tries += 1) < 4) throw new RetryableError('unavailable', 'away');
    });
    await Promise.all([writer.write([item(1)]), writer.write([item(2)])]);
    expect(batches).toEqual([
      [1, 2],
      [1, 2],
      [1, 2],
      [1, 2],
    ]);
  });

  test('follows a rejection to the one pack that caused it', async () => {
    const { writer } = writerOver(async ({ packs }) => {
      if (packs.some(({ pack }) => pack.seq === 3)) throw new RejectedError('refused', 'no');
    });
    const items = [1, 2, 3, 4, 5].map((seq) => item(seq));
    await Promise.all(items.map((one) => writer.write([one])));
    expect(items.map(({ fate }) => fate)).toEqual([
      'open stored',
      'open stored',
      'open refused',
      'open stored',
      'open stored',
    ]);
  });

  test('an unforeseen error fails the parts of its write, the next write goes on', async () => {
    const { writer } = writerOver(async ({ packs }) => {
      if (packs.some(({ pack }) => pack.seq === 1)) throw new Error('a fault of ours');
    });
    const both = await Promise.allSettled([writer.write([item(1, 10)]), writer.write([item(2, 10)])]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
  });

  test('abort ends the waiting for a store that is away', async () => {
    const { writer, batches } = writerOver(
      async () => {
        throw new RetryableError('unavailable', 'away');
      },
      { retry: { firstMs: 60_000, maxMs: 60_000 } },
    );
    const items = [item(1, 10), item(2, 10)];
    const parts = Promise.allSettled(items.map((one) => writer.write([one])));
    await waitFor('a try', 2000, () => batches.length === 1, 1);
    await writer.abort();
    for (const part of await parts) expect(part).toMatchObject({ status: 'rejected', reason: { code: 'stopped' } });
    await expect(writer.write([item(3)])).rejects.toMatchObject({ code: 'stopped' });
    expect(items.map(({ fate }) => fate)).toEqual(['open', 'open']);
  });
});
