import { describe, expect, it } from 'vitest';
import { LevelOutbox } from '../../../edge/outbox/level-outbox.js';
import { seqsOf, tracedEntry } from '../../contracts/outbox/traced-pack.js';
import { tempDir } from '../../support/temp-dir.js';
import { FaultyLevels } from './faulty-level.js';
import { levelOptions } from './level-under-test.js';

async function openCounting() {
  const levels = new FaultyLevels();
  const outbox = new LevelOutbox(levelOptions(await tempDir(), { makeLevelDb: levels.make }));
  await outbox.start();
  levels.writes.length = 0;
  return { outbox, levels };
}

const data = (name: string) => tracedEntry('data', [name], 2000);

describe('synced commits', () => {
  it('are shared by appends that overlap', async () => {
    const { outbox, levels } = await openCounting();
    await Promise.all(Array.from({ length: 40 }, (_, i) => outbox.append([data(`${i}`)])));
    expect(levels.synced).toBe(2); // 64 KiB each, so that none of them takes long
    expect(levels.writes).toHaveLength(2);
    await outbox.stop(1000);
  });

  it('number one for each live pack: its offer is noted with it, its receipt with the next', async () => {
    const { outbox, levels } = await openCounting();
    await outbox.offer('data', 16, 'newest-session');
    await outbox.offer('alert', 16);
    levels.writes.length = 0;
    for (let i = 0; i < 20; i += 1) {
      await outbox.append([i % 5 === 0 ? tracedEntry('alert', [`${i}`]) : data(`${i}`)]);
      const entries = [...(await outbox.offer('alert', 16)), ...(await outbox.offer('data', 16, 'newest-session'))];
      expect(seqsOf(entries)).toEqual([i]);
      await outbox.acknowledge([i]);
    }
    expect(levels.writes).toHaveLength(20);
    await outbox.stop(1000);
  });

  it('take one more for each offer from a backlog', async () => {
    const { outbox, levels } = await openCounting();
    await outbox.append(Array.from({ length: 20 }, (_, i) => data(`${i}`)));
    levels.writes.length = 0;
    await outbox.offer('data', 16);
    await outbox.offer('data', 16);
    expect(levels.synced).toBe(2);
    outbox.rewind();
    await outbox.offer('data', 20);
    expect(levels.synced).toBe(2);
    await outbox.stop(1000);
  });

  it('do not stop an unsent pack from being thinned once the line is gone', async () => {
    const { outbox, levels } = await openCounting();
    await outbox.offer('data', 16, 'newest-session');
    outbox.rewind();
    await outbox.append([data('a')]);
    levels.writes.length = 0;
    await outbox.offer('data', 16);
    expect(levels.synced).toBe(1);
    await outbox.stop(1000);
  });
});
