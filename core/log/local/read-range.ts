import type { StoredRecord } from '../log.js';
import type { Level } from './level-file.js';
import { decodeRecord, readOffset } from './record-codec.js';
import type { ReadLimits } from './topic-store.js';

/** The first records of a key range, as many as the limits allow. An offset ends each key. */
export async function readRange(level: Level, gte: Buffer, lt: Buffer, limits: ReadLimits): Promise<StoredRecord[]> {
  const iterator = level.iterator({ gte, lt, highWaterMarkBytes: limits.maxBytes, fillCache: false });
  try {
    const entries = await iterator.nextv(limits.maxRecords);
    // An iterator keeps a copy of what it read last until it is collected, even if it is closed, and the collector does
    // not know how large it is: reading nothing takes the copy's place.
    iterator.seek(lt);
    await iterator.nextv(1);
    return entries.map(([key, value]) => decodeRecord(readOffset(key, key.length - 8), value, level.location));
  } finally {
    await iterator.close();
  }
}
