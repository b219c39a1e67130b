import type { SequenceRange } from './sequence-ranges.js';

/** What a device last said of its packs, and which of them the store has. */
export interface PacksKnown {
  readonly online: boolean;
  /** The last number that was given out; null before the device told any. */
  readonly lastSeq: number | null;
  /** Packs that its outbox holds and the gateway has not acknowledged. */
  readonly pending: number;
  /** Packs in the store; null while the store is away. */
  readonly received: number | null;
  /** Runs of numbers that are not in the store, the oldest first. */
  readonly missing: readonly SequenceRange[];
}

/** What of a device's packs is stored, what is missing, and what had no time to arrive yet. */
export interface Arrival {
  /** Runs of numbers that are missing, the oldest first. */
  readonly gaps: readonly SequenceRange[];
  /** The newest packs, which the device has just sent or still holds. */
  readonly onTheWay: number;
  /** Stored packs, of those that had time to arrive; null while it is not known. */
  readonly share: number | null;
}

/** Packs between the device's last word of its outbox and the store's. */
export const inTransit = 5;

/**
 * The last numbers are not lost because they are not here: the device may have them waiting, and they take a moment.
 * Beyond what it says is waiting, and a few in transit, they are missing like any others; so is the tail of one that is gone.
 */
export function arrivalOf({ missing, lastSeq, received, pending, online }: PacksKnown): Arrival {
  const tail = missing.at(-1);
  const isTail = tail !== undefined && tail[1] === lastSeq && online;
  const size = isTail ? tail[1] - tail[0] + 1 : 0;
  const onTheWay = size <= pending + inTransit ? size : 0;
  const gaps = onTheWay > 0 ? missing.slice(0, -1) : missing;
  if (lastSeq === null || received === null) return { gaps, onTheWay, share: null };
  const due = lastSeq + 1 - onTheWay;
  return { gaps, onTheWay, share: due <= 0 ? 1 : Math.min(1, received / due) };
}
