import { cp, mkdir, rename } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeAlertPack, encodeAlertPack, type Alert } from '../../../core/contract/alert.js';
import { catalogueHash } from '../../../core/contract/catalogue.js';
import { decodePack, encodePack } from '../../../core/contract/pack.js';
import { LevelOutbox } from '../../../edge/outbox/level-outbox.js';
import { PackThinner } from '../../../edge/outbox/pack-thinner.js';
import { drain } from '../../contracts/outbox/harness.js';
import { seqsOf, tracedEntry } from '../../contracts/outbox/traced-pack.js';
import { rawPoint, testCatalogue, testEpoch, testPack } from '../../support/packs.js';
import { tempDir } from '../../support/temp-dir.js';
import { levelOptions } from './level-under-test.js';

/** A stopped outbox with three pending packs. */
async function stoppedOutbox(): Promise<{ directory: string; epoch: string }> {
  const directory = await tempDir();
  const outbox = new LevelOutbox(levelOptions(directory));
  await outbox.start();
  await outbox.append([0, 1, 2].map((i) => tracedEntry('data', [`r${i}`])));
  await outbox.stop(1000);
  return { directory, epoch: outbox.epoch };
}

async function reopened(directory: string): Promise<{ epoch: string; seqs: number[] }> {
  const outbox = new LevelOutbox(levelOptions(directory));
  await outbox.start();
  const seqs = seqsOf(await drain(outbox));
  await outbox.stop(1000);
  for (const rest of ['packs-next', 'packs-old']) expect(existsSync(join(directory, rest))).toBe(false);
  return { epoch: outbox.epoch, seqs };
}

describe('a new epoch that a crash interrupted', () => {
  it('did not begin if the old database is still in its place', async () => {
    const { directory, epoch } = await stoppedOutbox();
    await mkdir(join(directory, 'packs-next'));
    expect(await reopened(directory)).toEqual({ epoch, seqs: [0, 1, 2] });
  });

  it('has begun once the old database was moved away', async () => {
    const { directory, epoch } = await stoppedOutbox();
    await cp(join(directory, 'packs'), join(directory, 'packs-next'), { recursive: true });
    await rename(join(directory, 'packs'), join(directory, 'packs-old'));
    expect(await reopened(directory)).toEqual({ epoch, seqs: [0, 1, 2] });
  });

  it('is tidied up after if only the old database is left over', async () => {
    const { directory, epoch } = await stoppedOutbox();
    await cp(join(directory, 'packs'), join(directory, 'packs-old'), { recursive: true });
    expect(await reopened(directory)).toEqual({ epoch, seqs: [0, 1, 2] });
  });
});

describe('packs under another number', () => {
  const catalogue = testCatalogue(['temp']);
  const device = { site: 'plant1', device: 'press-07' };
  const thinner = new PackThinner({ device, catalogueHash: () => catalogueHash(catalogue) });
  const other = 'f'.repeat(32);

  it('say the same, and replace nothing', () => {
    const pack = {
      ...testPack(catalogue, 7, [rawPoint('temp', 1_795_251_180_000_000, 3)]),
      replaces: [[1, 4]] as const,
    };
    const payload = encodePack(pack, new Map([['temp', 'Cel']]));
    const entry = { seq: 7, lane: 'data', readings: 1, payload } as const;
    const { replaces, units, ...rest } = decodePack(thinner.renumber(entry, 0, other), device);
    const { replaces: _replaces, ...wanted } = pack;
    expect(rest).toEqual({ ...wanted, seq: 0, epoch: other });
    expect(replaces).toBeUndefined();
    expect(units).toEqual(new Map([['temp', 'Cel']]));
  });

  it('may be alerts', () => {
    const alert: Alert = {
      sensor: 'temp',
      rule: 'hot',
      state: 'raised',
      severity: 'warning',
      timeUs: 1,
      value: 9,
      threshold: 5,
      message: 'hot',
    };
    const payload = encodeAlertPack({ ...device, epoch: testEpoch, seq: 7, alerts: [alert] });
    const entry = { seq: 7, lane: 'alert', readings: 1, payload } as const;
    const moved = decodeAlertPack(thinner.renumber(entry, 3, other), device);
    expect(moved).toEqual({ ...device, epoch: other, seq: 3, alerts: [alert] });
  });
});
