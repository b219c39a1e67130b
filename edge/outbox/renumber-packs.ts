import { SequenceRanges } from '#core/contract/sequence-ranges.js';
import type { Cursors } from './cursors.js';
import type { HeldEntry } from './entry-codec.js';
import type { Thinner } from './outbox.js';
import type { OutboxStore } from './outbox-store.js';
import type { PackDb } from './pack-db.js';

const readAtOnce = 64;

/**
 * Writes everything that is pending into a new database, under its epoch and with numbers from 0 on, in the old order.
 * Resolves with its cursors, and with how many readings were in packs that are damaged and so stayed behind.
 */
export async function renumberPacks(
  { db, cursors: old }: OutboxStore,
  next: PackDb,
  cursors: Cursors,
  renumber: NonNullable<Thinner['renumber']>,
): Promise<{ cursors: Cursors; lostReadings: number }> {
  let lostReadings = 0;
  for (let from = old.oldestHeld; from <= old.lastSeq;) {
    const chunk = await db.read(from, old.lastSeq, readAtOnce);
    const puts: HeldEntry[] = [];
    for (const entry of chunk) {
      if (!old.isPending(entry.seq, entry.lane)) continue;
      const moved = renumbered(entry, cursors, renumber);
      if (!moved) lostReadings += entry.readings;
      else {
        puts.push(moved);
        cursors.append(moved.lane, moved.readings);
      }
    }
    await next.write({ cursors, puts, sync: false });
    from = chunk.length < readAtOnce ? old.lastSeq + 1 : chunk.at(-1)!.seq + 1;
  }
  cursors.commits += 1;
  cursors.doomed = SequenceRanges.from();
  await next.write({ cursors, sync: true });
  return { cursors, lostReadings };
}

function renumbered(entry: HeldEntry, { nextSeq, epoch }: Cursors, renumber: NonNullable<Thinner['renumber']>) {
  if (entry.kind === 'damaged') return undefined;
  try {
    return { ...entry, seq: nextSeq, payload: renumber(entry, nextSeq, epoch), replaces: [] };
  } catch {
    return undefined;
  }
}
