import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LevelOutbox } from '../../../edge/outbox/level-outbox.js';
import { outboxLimits } from '../../../edge/outbox/limits.js';
import { fill } from '../../contracts/outbox/harness.js';
import { seqsOf, stubbornThinner, tracedThinner } from '../../contracts/outbox/traced-pack.js';
import { tempDir } from '../../support/temp-dir.js';
import { levelOptions } from './level-under-test.js';

const MiB = 1024 * 1024;

/** The size of all files in a directory, as a user would measure it. */
async function sizeOf(directory: string): Promise<number> {
  const files = (await readdir(directory, { recursive: true, withFileTypes: true })).filter((file) => file.isFile());
  const sizes = await Promise.all(
    files.map(({ parentPath, name }) =>
      stat(join(parentPath, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

describe('the byte budget', () => {
  it.each([
    ['of packs that are thinned', tracedThinner, 'leave'],
    ['of packs that are dropped', stubbornThinner, 'leave'],
    ['of packs that are acknowledged', tracedThinner, 'acknowledge'],
    ['of packs that wait for their receipt', tracedThinner, 'offer'],
  ] as const)(
    'holds for the files on disk at every moment, garbage and reserve included: %s',
    async (_, thinner, mode) => {
      const directory = await tempDir();
      const outbox = new LevelOutbox(levelOptions(directory, { maxBytes: 7 * MiB, thinner }));
      await outbox.start();
      let largest = 0;
      for (let i = 0; i < 120; i += 1) {
        await fill(outbox, 1).catch(() => undefined);
        if (mode !== 'leave') {
          const seqs = seqsOf(await outbox.offer('data', 10));
          if (mode === 'acknowledge') await outbox.acknowledge(seqs);
        }
        if (i % 4 === 0) largest = Math.max(largest, await sizeOf(directory));
      }
      expect(largest).toBeGreaterThan(3 * MiB);
      expect(largest).toBeLessThanOrEqual(7 * MiB);
      const { bytes } = outbox.status();
      expect(Math.abs(bytes - (await sizeOf(directory)))).toBeLessThan(MiB);
      await outbox.stop(1000);
    },
  );

  it('is refused when it is too small to work with', () => {
    expect(() => outboxLimits(6 * MiB, MiB)).toThrow(RangeError);
    expect(() => outboxLimits(64 * MiB, MiB / 2)).toThrow(RangeError);
    for (const [max, reserve] of [
      [7, 1],
      [64, 2],
      [512, 16],
      [16_384, 64],
    ] as const) {
      const { lowBytes, highBytes, hardBytes } = outboxLimits(max * MiB, reserve * MiB);
      expect(lowBytes).toBeGreaterThan(reserve * MiB);
      expect(highBytes).toBeGreaterThan(lowBytes);
      expect(hardBytes).toBeGreaterThan(highBytes);
    }
  });
});
