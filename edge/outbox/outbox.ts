import type { SequenceRange } from '#core/contract/sequence-ranges.js';
import type { Part } from '#core/runtime/lifecycle.js';

/** Alerts leave first; data leaves in the order of its numbers. */
export type Lane = 'alert' | 'data';

/** What one append makes: the outbox hands out the number, the caller encodes the pack that carries it. */
export interface NewEntry {
  readonly lane: Lane;
  /** Readings inside, for the counters of thinning and dropping. */
  readonly readings: number;
  /** Called once, with the number that the pack must carry. */
  readonly encode: (seq: number, epoch: string) => Uint8Array;
}

/** A pack as it is held. */
export interface Entry {
  readonly seq: number;
  readonly lane: Lane;
  readonly readings: number;
  readonly payload: Uint8Array;
}

/** What an outbox does to packs that it holds; it knows nothing of what is in them itself. Pure. */
export interface Thinner {
  /** One smaller pack for several, or undefined if they cannot be thinned. The result carries `replaces`. */
  thin(
    entries: readonly Entry[],
    replaces: readonly SequenceRange[],
    seq: number,
    epoch: string,
  ): { payload: Uint8Array; readings: number } | undefined;
  /** The pack that tells that the readings of these entries were dropped on the device. */
  tombstone(
    reason: string,
    readings: number,
    replaces: readonly SequenceRange[],
    seq: number,
    epoch: string,
  ): Uint8Array;
  /** The same pack under another number and epoch, replacing none. Throws if the payload is no pack. */
  renumber?(entry: Entry, seq: number, epoch: string): Uint8Array;
}

export interface OutboxStatus {
  /** The last number given out, -1 before the first. */
  readonly lastSeq: number;
  /** The oldest number still held; `lastSeq + 1` when none is. */
  readonly oldestHeld: number;
  /** Packs and readings not yet acknowledged. */
  readonly pendingPacks: number;
  readonly pendingReadings: number;
  /** Of the pending packs, about so many are held back, and leave only when what they wait for has come. */
  readonly heldPacks?: number;
  /** Size on disk, garbage and reserve included; 0 for memory. */
  readonly bytes: number;
}

/**
 * The durable queue between filters and uplink. Numbers have no gaps, one sequence per epoch over both lanes.
 * An entry is safe once the promise of its `append` resolved, and then survives `kill -9`.
 *
 * `append` calls may overlap: they are numbered in call order and share synced commits.
 * `offer` and `acknowledge` belong to one uplink.
 */
export interface Outbox extends Part {
  /** 32 hex digits, made when the outbox was first created. Known after `start`. */
  readonly epoch: string;

  /**
   * Numbers, encodes and commits the entries; resolves with their numbers after the synced commit.
   * When the byte budget is used up it thins the oldest packs that were never offered, then drops them into a
   * tombstone; it rejects with RetryableError `disk-full` only if even that made no room.
   */
  append(entries: readonly NewEntry[]): Promise<number[]>;

  /**
   * The next entries of a lane that are neither acknowledged nor taken since the last `rewind`, in the order of their
   * numbers, at most `max`. That they were offered is durable before the promise resolves: from then on they are never thinned.
   * `order: 'newest-session'` yields only what was appended since the last `rewind`, so that live data passes a backlog.
   * `below` yields only data packs of smaller numbers: the others wait for something.
   */
  offer(lane: Lane, max: number, order?: 'oldest' | 'newest-session', below?: number): Promise<Entry[]>;

  /** The receiver has them. They stay on disk, for a resend, until the space is needed. Not synced: a repeat is harmless. */
  acknowledge(seqs: readonly number[]): Promise<void>;

  /** After a lost connection: everything unacknowledged may be offered again. */
  rewind(): void;

  /** Puts acknowledged numbers that are still held back into the send queue; resolves with those found. */
  resend(from: number, to: number): Promise<number[]>;

  /**
   * Begins a new epoch, because the numbers of this one are in use elsewhere (a cloned or restored card). What is
   * pending gets numbers from 0 on under it and is offered anew; what was acknowledged goes. Resolves with the epoch.
   * All or nothing, over a crash too. Throws RejectedError `refused` without a `renumber`, RetryableError `disk-full`.
   */
  renew?(): Promise<string>;

  /** The pack of a number, while it is held. */
  payloadOf?(seq: number): Promise<Uint8Array | undefined>;

  status(): OutboxStatus;

  /** Calls back after an append, until the returned function is called. */
  onAppend(listener: () => void): () => void;
}
