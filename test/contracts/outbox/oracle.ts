import { expect } from 'vitest';
import { SequenceRanges } from '../../../core/contract/sequence-ranges.js';
import { RetryableError } from '../../../core/runtime/errors.js';
import type { Entry, Lane, Outbox } from '../../../edge/outbox/outbox.js';
import { bigBytes, type OutboxUnderTest } from './harness.js';
import { chosen, type Action } from './random-actions.js';
import { decodeTraced, tracedEntry, type TracedPack } from './traced-pack.js';

/**
 * Performs actions on an outbox and keeps account of every reading and every number, by what the outbox says and by
 * what it hands out. It knows nothing of how an outbox works.
 */
export class OutboxOracle {
  /** Readings whose append resolved, and those of appends that a crash cut off: these may be there or not. */
  readonly #safe = new Set<string>();
  readonly #unsure = new Set<string>();
  readonly #given = new Set<number>();
  readonly #received = new Map<number, { pack: TracedPack; payload: Buffer }>();
  readonly #waiting = new Set<number>();
  readonly #acknowledged = new Set<number>();
  /** Acknowledged before a crash: receipts need not be on disk yet, so any of them may be forgotten. */
  readonly #perhaps = new Set<number>();
  #lastSeq = -1;
  #names = 0;

  constructor(
    private under: OutboxUnderTest,
    private readonly durable: boolean,
  ) {}

  get #outbox(): Outbox {
    return this.under.outbox;
  }

  async perform(action: Action): Promise<unknown> {
    switch (action.do) {
      case 'append':
        return this.#append(action.lanes, 50);
      case 'offer':
        return this.#offer(action.lane, action.max, action.order);
      case 'acknowledge':
        return this.#acknowledge(chosen(action.which, this.#waiting));
      case 'resend':
        return this.#resend(action.from, action.from + action.length);
      case 'rewind':
        return this.#outbox.rewind();
      case 'restart':
        await this.#outbox.stop(1000);
        return this.#outbox.start();
      case 'fill':
        return this.#fill(action.packs, action.offered);
      case 'crash':
        return this.#crash(action.meanwhile);
    }
  }

  /** Receives everything there is, and settles the account. */
  async settleAll(): Promise<void> {
    this.#outbox.rewind();
    for (const lane of ['alert', 'data'] as const) {
      for (let before = -1; this.#received.size !== before;) {
        before = this.#received.size;
        while ((await this.#offer(lane, 10, 'oldest')) > 0) await this.#acknowledge([...this.#waiting]);
      }
    }
    expect(this.#outbox.status()).toMatchObject({ pendingPacks: 0, pendingReadings: 0 });
    this.#checkNumbers();
    this.#checkReadings();
  }

  async close(): Promise<void> {
    await this.under.close();
  }

  #checkNumbers(): void {
    const replaced = SequenceRanges.from([...this.#received.values()].flatMap(({ pack }) => pack.replaces ?? []));
    const all = replaced.clone();
    for (const seq of this.#received.keys()) {
      expect(replaced.has(seq), `${seq} was replaced and offered`).toBe(false);
      all.add(seq);
    }
    expect(all.missing(0, this.#outbox.status().lastSeq)).toEqual([]);
  }

  #checkReadings(): void {
    const packs = [...this.#received.values()].map(({ pack }) => pack);
    const names = packs.flatMap(({ readings }) => readings);
    expect(new Set(names).size, 'a reading came in two packs').toBe(names.length);
    const there = new Set(names);
    const dropped = packs.reduce((sum, pack) => sum + (pack.dropped ?? 0), 0);
    const missing = [...this.#safe].filter((name) => !there.has(name)).length;
    const unsureMissing = [...this.#unsure].filter((name) => !there.has(name)).length;
    expect(dropped).toBeGreaterThanOrEqual(missing);
    expect(dropped).toBeLessThanOrEqual(missing + unsureMissing);
  }

  async #append(lanes: readonly Lane[], bytes: number): Promise<void> {
    const names = lanes.map(() => `r${this.#names++}`);
    const numbers = await this.#outbox
      .append(lanes.map((lane, index) => tracedEntry(lane, [names[index]!], bytes)))
      .catch((error: unknown) => {
        expect(error).toMatchObject({ name: 'RetryableError', code: 'disk-full' });
        return undefined;
      });
    if (!numbers) return;
    for (const name of names) this.#safe.add(name);
    for (const seq of numbers) this.#noteNumber(seq);
  }

  #noteNumber(seq: number): void {
    expect(this.#given.has(seq), `${seq} was given twice`).toBe(false);
    expect(seq).toBeGreaterThan(this.#lastSeq);
    this.#given.add(seq);
    this.#lastSeq = seq;
  }

  async #offer(lane: Lane, max: number, order: 'oldest' | 'newest-session'): Promise<number> {
    const entries = await this.#outbox.offer(lane, max, order);
    expect(entries.length).toBeLessThanOrEqual(max);
    expect(entries.map(({ seq }) => seq)).toEqual([...entries].map(({ seq }) => seq).sort((a, b) => a - b));
    for (const entry of entries) this.#receive(entry, lane);
    return entries.length;
  }

  #receive(entry: Entry, lane: Lane): void {
    const payload = Buffer.from(entry.payload);
    const pack = decodeTraced(payload);
    expect(entry.lane).toBe(lane);
    expect(pack).toMatchObject({ seq: entry.seq, epoch: this.#outbox.epoch });
    expect(this.#acknowledged.has(entry.seq), `${entry.seq} was offered after its receipt`).toBe(false);
    const before = this.#received.get(entry.seq);
    if (before) expect(payload.equals(before.payload), `${entry.seq} changed`).toBe(true);
    this.#received.set(entry.seq, { pack, payload });
    this.#waiting.add(entry.seq);
  }

  async #acknowledge(seqs: readonly number[]): Promise<void> {
    await this.#outbox.acknowledge(seqs);
    for (const seq of seqs) {
      this.#waiting.delete(seq);
      this.#acknowledged.add(seq);
    }
  }

  async #resend(from: number, to: number): Promise<void> {
    for (const seq of await this.#outbox.resend(from, to)) {
      const known = this.#acknowledged.delete(seq) || this.#perhaps.delete(seq);
      expect(known, `${seq} was not acknowledged`).toBe(true);
    }
  }

  async #fill(packs: number, offered: boolean): Promise<void> {
    for (let i = 0; i < packs; i += 1) {
      await this.#append(['data'], bigBytes);
      if (offered) await this.#offer('data', 2, 'newest-session');
    }
  }

  async #crash(meanwhile: number): Promise<void> {
    if (!this.durable) return;
    const names = Array.from({ length: meanwhile }, () => `r${this.#names++}`);
    const cutOff = names.map((name) => this.#outbox.append([tracedEntry('data', [name], 50)]));
    const outcomes = Promise.allSettled(cutOff);
    this.under = await this.under.crash!();
    for (const [index, outcome] of (await outcomes).entries()) {
      if (outcome.status === 'fulfilled') this.#safe.add(names[index]!);
      else expect(outcome.reason).toBeInstanceOf(RetryableError);
      this.#unsure.add(names[index]!);
    }
    for (const seq of this.#acknowledged) this.#perhaps.add(seq);
    this.#acknowledged.clear();
    this.#lastSeq = this.#outbox.status().lastSeq;
    for (const seq of this.#given) expect(seq).toBeLessThanOrEqual(this.#lastSeq);
  }
}
