import type { HeldEntry } from './entry-codec.js';
import type { OutboxStore } from './outbox-store.js';

const readAtOnce = 64;

/** The packs of [from, to] that were acknowledged and are still held. */
export async function findResend(
  store: OutboxStore,
  from: number,
  to: number,
): Promise<Pick<HeldEntry, 'seq' | 'lane' | 'readings'>[]> {
  const { cursors, db } = store;
  const last = Math.min(to, cursors.lastSeq);
  const found: Pick<HeldEntry, 'seq' | 'lane' | 'readings'>[] = [];
  for (let next = Math.max(from, cursors.oldestHeld); next <= last;) {
    const chunk = await db.read(next, last, readAtOnce);
    for (const { seq, lane, readings, kind } of chunk) {
      if (kind !== 'damaged' && !cursors.isPending(seq, lane)) found.push({ seq, lane, readings });
    }
    next = chunk.length < readAtOnce ? last + 1 : chunk.at(-1)!.seq + 1;
  }
  return found;
}
