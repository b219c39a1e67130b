import { SequenceRanges, type SequenceRange } from '#core/contract/sequence-ranges.js';
import type { HeldEntry } from './entry-codec.js';
import type { Thinner } from './outbox.js';
import type { OutboxStore } from './outbox-store.js';

const readAtOnce = 64;
/** The wire allows 1,000 ranges in `replaces`; one pack may bring as many as it replaced itself. */
const maxRanges = 900;
/** A thinned pack must save at least a tenth, or it is not worth its write. */
const worthwhile = 0.9;

export interface GroupLimits {
  readonly packs: number;
  readonly bytes: number;
}

export interface Group {
  readonly entries: readonly HeldEntry[];
  /** Where to look for the next group. */
  readonly next: number;
}

/**
 * The oldest run of data packs that were never offered, from `start` on; alerts in between stay out of it. It never
 * reaches over packs that were offered, so that what takes its place stays one piece of time.
 */
export async function oldestGroup(
  store: OutboxStore,
  start: number,
  limits: GroupLimits,
  wanted: (entry: HeldEntry) => boolean,
): Promise<Group> {
  const { oldestHeld, lastSeq, offered } = store.cursors;
  for (const [from, to] of offered.missing(Math.max(start, oldestHeld), lastSeq)) {
    const group = new GroupBuilder(limits);
    for await (const entry of packsOf(store, from, to)) {
      if (entry.lane === 'alert') continue;
      if (!wanted(entry) && group.entries.length > 0) return { entries: group.entries, next: entry.seq };
      if (wanted(entry) && group.add(entry)) return { entries: group.entries, next: entry.seq + 1 };
    }
    if (group.entries.length > 0) return { entries: group.entries, next: to + 1 };
  }
  return { entries: [], next: Math.max(start, lastSeq + 1) };
}

/** The oldest alerts that were never offered. */
export async function oldestAlerts({ db, cursors }: OutboxStore, limits: GroupLimits): Promise<readonly HeldEntry[]> {
  const group = new GroupBuilder(limits);
  for (const { seq } of cursors.alerts.filter((alert) => alert.seq > cursors.alertsOfferedTo)) {
    const entry = await db.get(seq, 'alert');
    if (entry && group.add(entry)) break;
  }
  return group.entries;
}

/** Acknowledged packs from the oldest on, for up to about `bytes`. `gone` remembers numbers that have no pack. */
export async function acknowledgedPacks(
  store: OutboxStore,
  gone: SequenceRanges,
  limits: GroupLimits,
): Promise<readonly HeldEntry[]> {
  const { oldestHeld, lastSeq, acked } = store.cursors;
  const group = new GroupBuilder(limits);
  for (const [low, high] of acked) {
    for (const [from, to] of gone.missing(Math.max(low, oldestHeld), Math.min(high, lastSeq))) {
      let next = from;
      for await (const entry of packsOf(store, from, to)) {
        if (entry.seq > next) gone.add(next, entry.seq - 1);
        next = entry.seq + 1;
        if (!store.cursors.isPending(entry.seq, entry.lane) && group.add(entry)) return group.entries;
      }
      if (next <= to) gone.add(next, to);
    }
  }
  return group.entries;
}

/**
 * Thins the group, or else its first quarter, because one pack can carry only what belongs to one catalogue. `tried` is
 * what the result stands for; without a result it is what had better be left as it is.
 */
export function thinPrefix(thinner: Thinner, group: readonly HeldEntry[], seq: number, epoch: string) {
  let tried = group;
  for (const count of [group.length, Math.ceil(group.length / 4)]) {
    tried = group.slice(0, count);
    const bytes = tried.reduce((sum, { payload }) => sum + payload.byteLength, 0);
    const thinned = thinner.thin(tried, replacedBy(tried), seq, epoch);
    if (thinned && thinned.payload.byteLength <= bytes * worthwhile) return { tried, thinned };
  }
  return { tried, thinned: undefined };
}

/** All numbers whose place a pack takes that is made of this group. */
export function replacedBy(group: readonly HeldEntry[]): SequenceRange[] {
  const all = SequenceRanges.from(group.map(({ seq }) => [seq, seq]));
  for (const { replaces } of group) all.addAll(SequenceRanges.from(replaces));
  return [...all].map(([from, to]) => [from, to]);
}

class GroupBuilder {
  readonly entries: HeldEntry[] = [];
  #bytes = 0;
  #ranges = 0;

  constructor(private readonly limits: GroupLimits) {}

  /** True when the group is complete. */
  add(entry: HeldEntry): boolean {
    this.entries.push(entry);
    this.#bytes += entry.payload.byteLength;
    this.#ranges += 1 + entry.replaces.length;
    const { packs, bytes } = this.limits;
    return this.entries.length >= packs || this.#bytes >= bytes || this.#ranges >= maxRanges;
  }
}

async function* packsOf({ db }: OutboxStore, from: number, to: number): AsyncGenerator<HeldEntry> {
  for (let next = from; next <= to;) {
    const chunk = await db.read(next, to, readAtOnce);
    yield* chunk;
    next = chunk.length < readAtOnce ? to + 1 : chunk.at(-1)!.seq + 1;
  }
}
