import { ClassicLevel } from 'classic-level';
import type { LevelDb, MakeLevelDb } from '../../../edge/outbox/pack-db.js';

/** What LevelDB says when the disk is full. */
export function noSpace(): Error {
  return Object.assign(new Error('IO error: 000003.log: No space left on device'), { code: 'LEVEL_IO_ERROR' });
}

/** Databases whose next writes and opens fail as a test wants it; counts the writes. */
export class FaultyLevels {
  /** `unwritten`: the write failed. `written`: it is on disk, and only its answer failed. */
  readonly nextWrites: ('unwritten' | 'written')[] = [];
  failOpens = 0;
  readonly writes: { sync: boolean; puts: number }[] = [];

  readonly make: MakeLevelDb = (directory, options) => {
    const db = new ClassicLevel<Buffer, Buffer>(directory, options);
    this.#tapBatch(db);
    if (this.failOpens > 0) {
      this.failOpens -= 1;
      db.open = () => Promise.reject(noSpace());
    }
    return db;
  };

  get synced(): number {
    return this.writes.filter(({ sync }) => sync).length;
  }

  #tapBatch(db: LevelDb): void {
    const batch = db.batch.bind(db) as unknown as (list: { type: string }[], options: object) => Promise<void>;
    const tapped = async (list: { type: string }[], options: { sync: boolean }) => {
      this.writes.push({ sync: options.sync, puts: list.filter(({ type }) => type === 'put').length });
      const fault = this.nextWrites.shift();
      if (fault !== 'unwritten') await batch(list, options);
      if (fault) throw noSpace();
    };
    db.batch = tapped as unknown as LevelDb['batch'];
  }
}
