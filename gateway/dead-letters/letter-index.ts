import { markOf } from '#core/contract/dead-letter.js';
import { logTopics } from '#core/contract/log-topics.js';
import type { EventLog, StoredRecord } from '#core/log/log.js';
import { Mutex } from '#core/runtime/mutex.js';
import { letterOf, type Letter, type LetterState, type LetterTrial, type ListedLetter } from './letter.js';

export interface LetterFilter {
  readonly reason?: string | undefined;
  /** A device, or a site with `/` behind it. */
  readonly device?: string | undefined;
  readonly stage?: string | undefined;
  /** Set aside since then. */
  readonly sinceUs?: number | undefined;
  readonly states?: readonly LetterState[] | undefined;
  readonly limit: number;
}

export interface LetterList {
  /** The newest first. */
  readonly letters: readonly ListedLetter[];
  /** Letters that the filter lets through; more than were given, if there is a limit. */
  readonly matched: number;
  /** Letters that were looked at: the newest. */
  readonly looked: number;
  /** Whether the log holds older ones, which can be shown and replayed by their position. */
  readonly more: boolean;
}

interface Entry {
  readonly letter: Letter;
  trial: LetterTrial | null;
}

const topic = logTopics.deadLetters.name;
const pageRecords = 500;

/**
 * The newest letters, without their bytes, in bounded memory. Nothing is read before somebody asks, and then only what
 * came since the last time.
 */
export class LetterIndex {
  /** The oldest first. */
  private readonly entries = new Map<string, Entry>();
  /** Where to read on, by partition. */
  private readonly next = new Map<number, number>();
  private readonly turns = new Mutex();
  private more = false;

  constructor(
    private readonly log: Pick<EventLog, 'bounds' | 'read'>,
    private readonly maxLetters: number,
  ) {}

  /** Throws RetryableError while the log is away. */
  async list(filter: LetterFilter): Promise<LetterList> {
    await this.turns.run(() => this.catchUp());
    const letters: ListedLetter[] = [];
    let matched = 0;
    for (const { letter, trial } of [...this.entries.values()].reverse()) {
      const listed = { ...letter, trial, state: trial?.outcome ?? ('open' as const) };
      if (!passes(listed, filter)) continue;
      matched += 1;
      if (letters.length < filter.limit) letters.push(listed);
    }
    return { letters, matched, looked: this.entries.size, more: this.more };
  }

  /** What is known of one letter's last trial. */
  async trialOf(position: string): Promise<LetterTrial | null> {
    await this.turns.run(() => this.catchUp());
    return this.entries.get(position)?.trial ?? null;
  }

  private async catchUp(): Promise<void> {
    const bounds = await this.log.bounds(topic);
    for (const { partition, first, next: end } of bounds) {
      let from = Math.max(this.next.get(partition) ?? end - this.maxLetters, first);
      while (from < end) {
        const records = await this.log.read(topic, partition, from, pageRecords);
        for (const record of records) this.take(partition, record);
        const last = records.at(-1);
        from = last ? last.offset + 1 : end;
        this.next.set(partition, from);
      }
    }
    this.forget(new Map(bounds.map(({ partition, first }) => [partition, first])));
  }

  private take(partition: number, record: StoredRecord): void {
    const mark = markOf(record.headers);
    if (!mark) {
      const letter = letterOf(partition, record);
      this.entries.set(letter.position, { letter, trial: null });
      return;
    }
    const entry = this.entries.get(mark.letter);
    const { mark: outcome, trial: id, reason, detail } = mark;
    if (!entry || (entry.trial?.id === id && entry.trial.outcome === 'failed')) return;
    entry.trial = { outcome, id, reason, detail, atUs: record.appendedUs };
  }

  /** Drops what is gone from the log, and the oldest of too many. */
  private forget(firsts: ReadonlyMap<number, number>): void {
    const oldest = new Map<number, number>();
    for (const [position, { letter }] of this.entries) {
      const isGone = letter.offset < (firsts.get(letter.partition) ?? 0);
      if (isGone || this.entries.size > this.maxLetters) this.entries.delete(position);
      else if (!oldest.has(letter.partition)) oldest.set(letter.partition, letter.offset);
    }
    this.more = [...oldest].some(([partition, offset]) => offset > (firsts.get(partition) ?? 0));
  }
}

function passes(letter: ListedLetter, { reason, device, stage, sinceUs, states }: LetterFilter): boolean {
  if (reason !== undefined && letter.reason !== reason) return false;
  if (stage !== undefined && letter.stage !== stage) return false;
  if (sinceUs !== undefined && letter.setAsideUs < sinceUs) return false;
  if (states && !states.includes(letter.state)) return false;
  if (device === undefined) return true;
  return device.endsWith('/') ? letter.key.startsWith(device) : letter.key === device;
}
