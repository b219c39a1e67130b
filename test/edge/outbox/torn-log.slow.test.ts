import { appendFile, cp, readdir, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { outboxLimits } from '../../../edge/outbox/limits.js';
import { LevelOutbox } from '../../../edge/outbox/level-outbox.js';
import { PackDb } from '../../../edge/outbox/pack-db.js';
import { drain } from '../../contracts/outbox/harness.js';
import { decodeTraced, seqsOf, tracedEntry } from '../../contracts/outbox/traced-pack.js';
import { tempDir } from '../../support/temp-dir.js';
import { levelOptions, MortalLevels } from './level-under-test.js';

const packs = 8;
const limits = outboxLimits(7 * 1024 * 1024, 1024 * 1024);

/** An outbox that was killed after eight appends of one pack, and where the last record of its log begins. */
async function killedOutbox(): Promise<{ directory: string; log: string; lastRecord: number; end: number }> {
  const directory = await tempDir();
  const levels = new MortalLevels();
  const outbox = new LevelOutbox(levelOptions(directory, { makeLevelDb: levels.make }));
  await outbox.start();
  const sizes: number[] = [];
  const log = join(
    'packs',
    (await readdir(join(directory, 'packs'))).find((file) => file.endsWith('.log'))!,
  );
  for (let i = 0; i < packs; i += 1) {
    await outbox.append([tracedEntry(i % 3 === 2 ? 'alert' : 'data', [`r${i}`], 40)]);
    sizes.push((await stat(join(directory, log))).size);
  }
  await levels.kill();
  for (const reserve of ['reserve', 'reserve-door']) await rm(join(directory, reserve));
  return { directory, log, lastRecord: sizes.at(-2)!, end: sizes.at(-1)! };
}

async function copyOf(directory: string): Promise<string> {
  const copy = await tempDir();
  await cp(directory, copy, { recursive: true });
  return copy;
}

/** What a reopened database has, by its cursors and by its packs. */
async function heldIn(directory: string): Promise<{ lastSeq: number; readings: string[] }> {
  const db = new PackDb({ directory: join(directory, 'packs'), limits });
  const cursors = (await db.open())!;
  const held = await db.read(0, 1000, 1000);
  await db.close();
  expect(held.map(({ seq }) => seq)).toEqual([...Array(cursors.nextSeq).keys()]);
  return { lastSeq: cursors.lastSeq, readings: held.flatMap(({ payload }) => decodeTraced(payload).readings) };
}

const names = (count: number) => Array.from({ length: count }, (_, i) => `r${i}`);

describe('a log that ends in the middle of a write', () => {
  it('holds everything before that write, wherever it was cut off', { timeout: 60_000 }, async () => {
    const { directory, log, lastRecord, end } = await killedOutbox();
    expect(end - lastRecord).toBeGreaterThan(200);
    const cuts = Array.from({ length: end - lastRecord + 1 }, (_, i) => lastRecord + i);
    const checkNext = async () => {
      for (let cut = cuts.pop(); cut !== undefined; cut = cuts.pop()) {
        const copy = await copyOf(directory);
        await truncate(join(copy, log), cut);
        const held = await heldIn(copy);
        const whole = cut === end ? packs : packs - 1;
        expect(held, `cut at ${cut}`).toEqual({ lastSeq: whole - 1, readings: names(whole) });
        await rm(copy, { recursive: true });
      }
    };
    await Promise.all(Array.from({ length: 8 }, checkNext));
  });

  it('goes on with the number that was cut off', async () => {
    const { directory, log, lastRecord, end } = await killedOutbox();
    for (const cut of [lastRecord, Math.floor((lastRecord + end) / 2), end - 1]) {
      const copy = await copyOf(directory);
      await truncate(join(copy, log), cut);
      const outbox = new LevelOutbox(levelOptions(copy));
      await outbox.start();
      expect(await outbox.append([tracedEntry('data', ['again'])])).toEqual([packs - 1]);
      const offered = await drain(outbox);
      expect(seqsOf(offered).sort((a, b) => a - b)).toEqual([...Array(packs).keys()]);
      await outbox.stop(1000);
    }
  });

  it('is not misled by what a power cut left behind its end', async () => {
    const { directory, log } = await killedOutbox();
    for (const left of [Buffer.alloc(5000), Buffer.alloc(5000, 0xa5)]) {
      const copy = await copyOf(directory);
      await appendFile(join(copy, log), left);
      expect(await heldIn(copy)).toEqual({ lastSeq: packs - 1, readings: names(packs) });
    }
  });
});
