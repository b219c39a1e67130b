import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LevelOutbox } from '../../../edge/outbox/level-outbox.js';
import { bigBytes, drain, fill } from '../../contracts/outbox/harness.js';
import { decodeTraced, seqsOf, tracedEntry } from '../../contracts/outbox/traced-pack.js';
import { ManualClock } from '../../support/manual-clock.js';
import { levelOptions } from './level-under-test.js';
import { SmallDisk } from './small-disk.js';

const MiB = 1024 * 1024;
const probe = SmallDisk.mount(MiB);
probe?.unmount();
if (!probe) console.warn('Skipped: a disk that is really full. It needs Linux and the right to mount a tmpfs.');

/** The budget is far above the disk: it is the disk that is full. */
describe.skipIf(!probe && !process.env.CI)('a disk that is really full (tmpfs)', () => {
  let disk: SmallDisk;
  let outbox: LevelOutbox;
  let clock: ManualClock;

  beforeEach(async () => {
    disk = SmallDisk.mount(48 * MiB)!;
    clock = new ManualClock();
    outbox = new LevelOutbox(
      levelOptions(join(disk.path, 'outbox'), { maxBytes: 256 * MiB, reserveBytes: 16 * MiB, clock }),
    );
    await outbox.start();
  });
  afterEach(async () => {
    await outbox.stop(1000);
    disk.unmount();
  });

  const hasReserve = () => existsSync(join(disk.path, 'outbox', 'reserve'));

  /** Appends until it says that it is full; resolves with the readings that were taken. */
  async function fillUp(name: string): Promise<string[]> {
    const taken: string[] = [];
    for (;;) {
      const reading = `${name}${taken.length}`;
      const error: unknown = await outbox.append([tracedEntry('data', [reading], bigBytes)]).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      if (error) {
        expect(error).toMatchObject({ name: 'RetryableError', code: 'disk-full' });
        return taken;
      }
      taken.push(reading);
    }
  }

  const namesOf = (entries: Awaited<ReturnType<typeof drain>>) =>
    entries.flatMap(({ payload }) => decodeTraced(payload).readings);

  it('refuses appends, loses nothing, and takes them again when others give space back', async () => {
    const before = await fill(outbox, 5, 'before');
    await disk.hog(8 * MiB);
    const taken = await fillUp('during');
    expect(taken.length).toBeGreaterThan(5);
    // Garbage that failed compactions left may make room once more.
    for (let i = 0; i < 3; i += 1) {
      await clock.advance(1100);
      taken.push(...(await fillUp(`more${i}-`)));
    }
    for (let i = 0; i < 5; i += 1) {
      await clock.advance(1100);
      await expect(fill(outbox, 1, 'refused')).rejects.toMatchObject({ code: 'disk-full' });
    }
    expect(outbox.status().pendingPacks).toBe(before.length + taken.length);
    await disk.release();
    await clock.advance(1100);
    expect(await fill(outbox, 1, 'after')).toEqual([before.length + taken.length]);
    expect(hasReserve()).toBe(true);
    const offered = await drain(outbox);
    expect(seqsOf(offered)).toEqual([...Array(before.length + taken.length + 1).keys()]);
    expect(namesOf(offered)).toEqual(['before0', 'before1', 'before2', 'before3', 'before4', ...taken, 'after0']);
  });

  it('can still send and delete, thanks to the reserve, and lives on by that alone', async () => {
    await fill(outbox, 5, 'before');
    await disk.hog(8 * MiB);
    const taken = await fillUp('during');
    expect(hasReserve()).toBe(false);
    expect(namesOf(await drain(outbox))).toEqual(expect.arrayContaining(taken));
    // What was sent makes room for what comes: nobody else gave any.
    let refused = 0;
    for (let i = 0; i < 200; i += 1) {
      await clock.advance(1100);
      const seqs = await fill(outbox, 1, `later${i}-`).catch(() => []);
      if (seqs.length === 0) refused += 1;
      else expect(seqs).toEqual([5 + taken.length + i - refused]);
      expect(namesOf(await drain(outbox))).toEqual(seqs.map(() => `later${i}-0`));
    }
    expect(refused).toBeLessThan(20);
    expect(outbox.status()).toMatchObject({ pendingPacks: 0 });
  });

  it('opens again on the full disk with everything it had', async () => {
    await fill(outbox, 5, 'before');
    await disk.hog(8 * MiB);
    const taken = await fillUp('during');
    await outbox.stop(1000);
    await disk.hog(0);
    await outbox.start();
    expect(outbox.status().pendingPacks).toBe(5 + taken.length);
    await disk.release();
    await clock.advance(1100);
    expect(namesOf(await drain(outbox))).toEqual(expect.arrayContaining(['before0', ...taken]));
    await fill(outbox, 1, 'after');
  });
});
