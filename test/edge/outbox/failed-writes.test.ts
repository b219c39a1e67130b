import { describe, expect, it } from 'vitest';
import { LevelOutbox } from '../../../edge/outbox/level-outbox.js';
import { drain } from '../../contracts/outbox/harness.js';
import { decodeTraced, seqsOf, tracedEntry } from '../../contracts/outbox/traced-pack.js';
import { ManualClock } from '../../support/manual-clock.js';
import { tempDir } from '../../support/temp-dir.js';
import { FaultyLevels } from './faulty-level.js';
import { levelOptions } from './level-under-test.js';

async function openFaulty() {
  const levels = new FaultyLevels();
  const clock = new ManualClock();
  const outbox = new LevelOutbox(levelOptions(await tempDir(), { makeLevelDb: levels.make, clock }));
  await outbox.start();
  await outbox.append([tracedEntry('data', ['first'])]);
  return { outbox, levels, clock };
}

const append = (outbox: LevelOutbox, name: string) => outbox.append([tracedEntry('data', [name])]);

async function readingsIn(outbox: LevelOutbox): Promise<string[]> {
  const offered = await drain(outbox);
  expect(seqsOf(offered)).toEqual([...Array(outbox.status().lastSeq + 1).keys()]);
  return offered.flatMap(({ payload }) => decodeTraced(payload).readings);
}

describe('a write that fails', () => {
  it('rejects the append, uses no number, and the next append works', async () => {
    const { outbox, levels } = await openFaulty();
    levels.nextWrites.push('unwritten', 'unwritten');
    await expect(append(outbox, 'lost')).rejects.toMatchObject({ name: 'RetryableError', code: 'disk-full' });
    expect(await append(outbox, 'second')).toEqual([1]);
    expect(await readingsIn(outbox)).toEqual(['first', 'second']);
    await outbox.stop(1000);
  });

  it('is a success if it turns out to be on disk', async () => {
    const { outbox, levels } = await openFaulty();
    levels.nextWrites.push('written');
    expect(await append(outbox, 'second')).toEqual([1]);
    expect(await append(outbox, 'third')).toEqual([2]);
    expect(await readingsIn(outbox)).toEqual(['first', 'second', 'third']);
    await outbox.stop(1000);
  });

  it('is taken back if that turns out only after it was rejected', async () => {
    const { outbox, levels, clock } = await openFaulty();
    levels.nextWrites.push('written');
    // The reopen is tried twice: the second time without the reserve.
    levels.failOpens = 2;
    await expect(append(outbox, 'rejected')).rejects.toMatchObject({ code: 'disk-full' });
    await expect(append(outbox, 'too early')).rejects.toMatchObject({ name: 'RetryableError' });
    await clock.advance(1500);
    expect(await append(outbox, 'second')).toEqual([1]);
    expect(await readingsIn(outbox)).toEqual(['first', 'second']);
    await outbox.stop(1000);
    await outbox.start();
    expect(outbox.status()).toMatchObject({ lastSeq: 1, pendingPacks: 0 });
    await outbox.stop(1000);
  });

  it('keeps receipts that came while it could not be reopened', async () => {
    const { outbox, levels, clock } = await openFaulty();
    await outbox.offer('data', 10);
    levels.nextWrites.push('unwritten');
    levels.failOpens = 2;
    await expect(append(outbox, 'rejected')).rejects.toThrow();
    await outbox.acknowledge([0]);
    expect(outbox.status().pendingPacks).toBe(0);
    await clock.advance(1500);
    await append(outbox, 'second');
    await outbox.stop(1000);
    await outbox.start();
    expect(outbox.status()).toMatchObject({ lastSeq: 1, pendingPacks: 1, pendingReadings: 1 });
    await outbox.stop(1000);
  });

  it('gives acknowledged packs up and tries once more by itself', async () => {
    const { outbox, levels } = await openFaulty();
    await outbox.offer('data', 10);
    await outbox.acknowledge([0]);
    levels.nextWrites.push('unwritten');
    expect(await append(outbox, 'second')).toEqual([1]);
    expect(outbox.status()).toMatchObject({ oldestHeld: 1, lastSeq: 1 });
    expect(await outbox.resend(0, 1)).toEqual([]);
    await outbox.stop(1000);
  });

  it('does not offer a pack whose offer could not be noted', async () => {
    const { outbox, levels } = await openFaulty();
    levels.nextWrites.push('unwritten', 'unwritten');
    await expect(outbox.offer('data', 10)).rejects.toMatchObject({ code: 'disk-full' });
    expect(seqsOf(await outbox.offer('data', 10))).toEqual([0]);
    await outbox.stop(1000);
  });
});
