import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { systemClock } from '../../../core/runtime/clock.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import { LevelOutbox, type LevelOutboxOptions } from '../../../edge/outbox/level-outbox.js';
import type { LevelDb, MakeLevelDb } from '../../../edge/outbox/pack-db.js';
import type { OpenOptions, OutboxUnderTest } from '../../contracts/outbox/harness.js';
import { tracedThinner } from '../../contracts/outbox/traced-pack.js';

const MiB = 1024 * 1024;

export function levelOptions(directory: string, over: Partial<LevelOutboxOptions> = {}): LevelOutboxOptions {
  return {
    directory,
    maxBytes: 7 * MiB,
    reserveBytes: MiB,
    clock: systemClock,
    logger: silentLogger,
    thinner: tracedThinner,
    random: randomBytes,
    ...over,
  };
}

/** Databases that can be torn away from whoever uses them. */
export class MortalLevels {
  #dead = false;
  readonly #databases: LevelDb[] = [];

  readonly make: MakeLevelDb = (directory, options) => {
    const db = new ClassicLevel<Buffer, Buffer>(directory, options);
    this.#databases.push(db);
    if (this.#dead) db.open = () => Promise.reject(Object.assign(new Error('this process is dead'), { code: 'EIO' }));
    return db;
  };

  /** Everything written so far stays in the files, as after a kill; nothing is tidied up, and nothing opens again. */
  async kill(): Promise<void> {
    this.#dead = true;
    for (const db of this.#databases) await db.close();
  }
}

/** Opens a LevelOutbox in a directory of its own, or in one that a crash left. */
export async function openLevel(options: OpenOptions = {}, left?: string): Promise<OutboxUnderTest> {
  const directory = left ?? (await mkdtemp(join(tmpdir(), 'fieldline-outbox-')));
  const levels = new MortalLevels();
  const { small = false, thinner = tracedThinner } = options;
  const outbox = new LevelOutbox(
    levelOptions(directory, { maxBytes: (small ? 7 : 64) * MiB, thinner, makeLevelDb: levels.make }),
  );
  await outbox.start();
  return {
    outbox,
    crash: async () => {
      await levels.kill();
      return openLevel(options, directory);
    },
    close: async () => {
      await outbox.stop(1000).catch(() => undefined);
      await rm(directory, { recursive: true, force: true });
    },
  };
}
