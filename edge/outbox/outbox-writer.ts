import { RetryableError } from '#core/runtime/errors.js';
import type { StageMeter } from '#core/runtime/metrics.js';
import { encodeEntries } from './encode-entries.js';
import type { HeldEntry } from './entry-codec.js';
import type { Entry, NewEntry } from './outbox.js';
import type { OutboxStore } from './outbox-store.js';
import type { RoomMaker } from './room-maker.js';
import type { Selection, SendQueue } from './send-queue.js';

interface Settler<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}
interface AppendJob extends Settler<number[]> {
  readonly entries: readonly NewEntry[];
}
interface MarkJob extends Settler<HeldEntry[]> {
  readonly selection: Selection;
  readonly generation: number;
}
type Task = () => Promise<void>;

/** An append with its numbers given. */
interface Numbered {
  readonly job: AppendJob;
  readonly held: readonly HeldEntry[];
}

/**
 * The one writer of an outbox. What is asked for while a write is under way shares the next one: appends and offers
 * go into one synced commit, in the order in which they were asked for.
 */
export class OutboxWriter {
  #appends: AppendJob[] = [];
  #marks: MarkJob[] = [];
  #tasks: Task[] = [];
  #running: Promise<void> | undefined;

  constructor(
    private readonly store: OutboxStore,
    private readonly queue: SendQueue,
    private readonly room: RoomMaker,
    private readonly meter: StageMeter,
    private readonly onAppended: () => void,
  ) {}

  append(entries: readonly NewEntry[]): Promise<number[]> {
    return this.#ask((settler) => this.#appends.push({ entries, ...settler }));
  }

  /** Makes an offer durable; resolves with the packs that are still to be offered then. */
  mark(selection: Selection, generation: number): Promise<HeldEntry[]> {
    return this.#ask((settler) => this.#marks.push({ selection, generation, ...settler }));
  }

  /** Runs something that reads or changes the cursors, between two commits. */
  run<T>(task: () => Promise<T>): Promise<T> {
    return this.#ask((settler: Settler<T>) => this.#tasks.push(() => task().then(settler.resolve, settler.reject)));
  }

  /** Resolves when nothing is left to do. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running;
  }

  #ask<T>(enqueue: (settler: Settler<T>) => void): Promise<T> {
    const promise = new Promise<T>((resolve, reject) => enqueue({ resolve, reject }));
    this.#running ??= this.#turns();
    return promise;
  }

  async #turns(): Promise<void> {
    // Calls made in the same tick belong into the same commit.
    await Promise.resolve();
    try {
      while (this.#tasks.length + this.#marks.length + this.#appends.length > 0) {
        for (const task of this.#tasks.splice(0)) await task();
        if (this.#marks.length + this.#appends.length > 0) await this.#commit();
      }
    } finally {
      // Here and not in a `then`: a call in between would find nobody to serve it.
      this.#running = undefined;
    }
  }

  async #commit(): Promise<void> {
    const marks = this.#marks.splice(0).filter((mark) => this.#isCurrent(mark));
    const appends = this.#appends;
    this.#appends = [];
    const refused = appends.length === 0 ? undefined : await this.#roomFor(appends);
    const numbered = refused ? [] : this.#number(appends);
    if (numbered.length + marks.length === 0) return;
    try {
      await this.#write(numbered, marks);
    } catch (error) {
      for (const { job } of numbered) job.reject(error);
      for (const mark of marks) mark.reject(error);
    }
  }

  /** Rejects the appends if there is no room for them. */
  async #roomFor(appends: readonly AppendJob[]): Promise<unknown> {
    try {
      await this.room.ensure();
      return undefined;
    } catch (error) {
      for (const job of appends) job.reject(error);
      return error;
    }
  }

  /** Gives numbers and encodes, until the batch is full; the rest goes back to the head of the queue. */
  #number(appends: readonly AppendJob[]): Numbered[] {
    const numbered: Numbered[] = [];
    let next = this.store.cursors.nextSeq;
    let bytes = 0;
    for (const [index, job] of appends.entries()) {
      if (bytes >= this.store.limits.batchBytes) {
        this.#appends.unshift(...appends.slice(index));
        break;
      }
      try {
        const held = encodeEntries(job.entries, next, this.store.cursors.epoch).map(asHeld);
        numbered.push({ job, held });
        next += held.length;
        bytes += held.reduce((sum, entry) => sum + entry.payload.byteLength, 0);
      } catch (error) {
        job.reject(error);
      }
    }
    return numbered;
  }

  async #write(numbered: readonly Numbered[], marks: readonly MarkJob[]): Promise<void> {
    const puts = numbered.flatMap(({ held }) => held);
    const offers = marks.map((mark) => ({ mark, entries: this.#stillToOffer(mark) }));
    const compose = async () => {
      const draft = this.store.cursors.clone();
      for (const { lane, readings } of puts) draft.append(lane, readings);
      this.#markLive(draft, puts);
      for (const { mark } of offers) markOffered(draft, mark.selection);
      const passed = this.queue.passedAlerts.length;
      for (const seq of this.queue.passedAlerts) draft.acked.add(seq);
      await this.store.commit(draft, { puts, sync: true, revocable: puts.length > 0 });
      this.queue.forgetPassedAlerts(passed);
    };
    await this.#withSecondTry(compose);
    for (const { mark, entries } of offers) {
      if (!this.#isCurrent(mark)) continue;
      this.queue.claim(mark.selection);
      mark.resolve(entries);
    }
    for (const { readings } of puts) this.meter.in(readings);
    for (const { job, held } of numbered) job.resolve(held.map(({ seq }) => seq));
    if (puts.length > 0) this.onAppended();
  }

  /** A full disk: what is acknowledged is given up, and the same is tried once more. */
  async #withSecondTry(compose: () => Promise<void>): Promise<void> {
    try {
      await compose();
    } catch (error) {
      if (!(error instanceof RetryableError) || error.code !== 'disk-full') throw error;
      if (!(await this.room.giveUpAcknowledged().catch(() => false))) throw error;
      await compose();
    }
  }

  /** After a `rewind` an offer made before is void: it resolves with nothing. */
  #isCurrent(mark: MarkJob): boolean {
    if (mark.generation === this.queue.generation) return true;
    mark.resolve([]);
    return false;
  }

  /** What was thinned or dropped since it was selected is gone. */
  #stillToOffer({ selection }: MarkJob): HeldEntry[] {
    const { cursors } = this.store;
    return selection.entries.filter(({ seq, lane }) => cursors.isPending(seq, lane));
  }

  #markLive(draft: OutboxStore['cursors'], puts: readonly HeldEntry[]): void {
    const [first, last] = [puts[0], puts.at(-1)];
    if (!first || !last) return;
    if (this.queue.isLive('data')) draft.offered.add(first.seq, last.seq);
    if (this.queue.isLive('alert') && puts.some(({ lane }) => lane === 'alert')) draft.alertsOfferedTo = last.seq;
  }
}

function markOffered(draft: OutboxStore['cursors'], { entries, covered }: Selection): void {
  for (const [from, to] of covered) draft.offered.add(from, to);
  for (const { seq, lane } of entries) {
    if (lane === 'alert') draft.alertsOfferedTo = Math.max(draft.alertsOfferedTo, seq);
  }
}

function asHeld(entry: Entry): HeldEntry {
  return { ...entry, kind: 'raw', dropped: 0, replaces: [] };
}
