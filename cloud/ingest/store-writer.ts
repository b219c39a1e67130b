import type { Clock } from '#core/runtime/clock.js';
import { RejectedError, RetryableError } from '#core/runtime/errors.js';
import { retry, retryDelays, type RetrySchedule } from '#core/runtime/retry.js';
import { PointsRejectedError, type RejectedPoint } from '../store/influx/rejected-points.js';
import type { AlertsToStore, PackToStore, SeriesStore, StoreBatch, WriteOutcome } from '../store/store.js';

/** One pack, or the alerts of one alert pack. */
export interface WriteItem {
  readonly pack?: PackToStore;
  readonly alerts?: AlertsToStore;
  readonly readings: number;
  /** Called once, when the store has it. */
  readonly stored: () => void;
  /** Called instead when the store will never take it: sets it aside durably, and may reject like an append. */
  readonly reject: (error: RejectedError) => Promise<void>;
  /** Sets single points of the pack aside durably, given by their index; resolves with the item without them. */
  readonly cutOut?: (points: ReadonlyMap<number, string>) => Promise<WriteItem>;
}

export interface StoreWriterOptions {
  readonly store: Pick<SeriesStore, 'write'>;
  readonly clock: Clock;
  readonly random: () => number;
  /** How long the first item waits for company, in milliseconds. */
  readonly gatherMs: number;
  /** Readings of one write; a single item may be larger. */
  readonly maxReadings: number;
  readonly retry: RetrySchedule;
  readonly onStored: (items: readonly WriteItem[], outcome: WriteOutcome) => void;
  readonly onRetry: (error: RetryableError, attempt: number) => void;
  /** A write failed in a way that is not foreseen; its items go back to the log. */
  readonly onFailed: (error: unknown) => void;
}

/** The items of one call of `write`: its promise settles with the last of them. */
interface Part {
  left: number;
  failed: boolean;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Gathers what several partitions bring at once into one write, one write at a time, first come first served.
 * A RetryableError is tried again for ever. A RejectedError is followed to the points or the item that caused it, which are set
 * aside. Any other error fails every part in that write; the log hands them out again.
 */
export class StoreWriter {
  private queue: { item: WriteItem; part: Part }[] = [];
  private running: Promise<void> | undefined;
  private readonly aborted = new AbortController();

  constructor(private readonly options: StoreWriterOptions) {}

  /** Resolves when every item is settled. Rejects with RetryableError `stopped` after `abort`. */
  write(items: readonly WriteItem[]): Promise<void> {
    if (items.length === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const part: Part = { left: items.length, failed: false, resolve, reject };
      for (const item of items) this.queue.push({ item, part });
      this.running ??= this.run();
    });
  }

  /** Ends all waiting; the write in work is not tried again. Later calls of `write` reject. */
  async abort(): Promise<void> {
    this.aborted.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    await this.options.clock.sleep(this.options.gatherMs, this.aborted.signal);
    while (this.queue.length > 0) {
      const taken = this.take();
      try {
        if (this.aborted.signal.aborted) throw new RetryableError('stopped', 'the ingest was stopped');
        await this.store(taken.map(({ item }) => item));
        for (const { part } of taken) finish(part);
      } catch (error) {
        if (!this.aborted.signal.aborted) this.options.onFailed(error);
        for (const { part } of taken) fail(part, error);
      }
    }
    this.running = undefined;
  }

  /** The oldest items up to the limit, leaving out those whose part has failed already. */
  private take(): { item: WriteItem; part: Part }[] {
    this.queue = this.queue.filter(({ part }) => !part.failed);
    let readings = 0;
    let count = 0;
    for (const { item } of this.queue) {
      if (count > 0 && readings + item.readings > this.options.maxReadings) break;
      readings += item.readings;
      count += 1;
    }
    return this.queue.splice(0, count);
  }

  private async store(items: readonly WriteItem[]): Promise<void> {
    try {
      const outcome = await this.persist(() => this.options.store.write(batchOf(items)));
      for (const item of items) item.stored();
      this.options.onStored(items, outcome);
    } catch (error) {
      if (!(error instanceof RejectedError)) throw error;
      const named = error instanceof PointsRejectedError ? error.points : [];
      if (named.length > 0) await this.store(await this.cutOut(items, named));
      else await this.divide(items, error);
    }
  }

  /** The items without the points that the store has named: all others of the batch can be stored. */
  private async cutOut(items: readonly WriteItem[], named: readonly RejectedPoint[]): Promise<WriteItem[]> {
    const packs = items.filter(({ pack }) => pack !== undefined);
    const rejected = new Map<WriteItem, Map<number, string>>();
    for (const { pack, index, detail } of named) {
      const item = packs[pack]!;
      rejected.set(item, (rejected.get(item) ?? new Map<number, string>()).set(index, detail));
    }
    const rest: WriteItem[] = [];
    for (const item of items) {
      const points = rejected.get(item);
      rest.push(points && item.cutOut ? await this.persist(() => item.cutOut!(points)) : item);
    }
    return rest;
  }

  /** Halves a rejected batch until the item that no store will take stands alone. */
  private async divide(items: readonly WriteItem[], error: RejectedError): Promise<void> {
    if (items.length > 1) {
      const middle = items.length >> 1;
      await this.store(items.slice(0, middle));
      await this.store(items.slice(middle));
      return;
    }
    const [item] = items;
    await this.persist(() => item!.reject(error));
  }

  private persist<T>(operation: () => Promise<T>): Promise<T> {
    const { clock, random, onRetry } = this.options;
    const delays = retryDelays(this.options.retry, random);
    return retry(operation, { clock, delays, signal: this.aborted.signal, onRetry });
  }
}

function batchOf(items: readonly WriteItem[]): StoreBatch {
  const packs: PackToStore[] = [];
  const alerts: AlertsToStore[] = [];
  for (const item of items) {
    if (item.pack) packs.push(item.pack);
    if (item.alerts) alerts.push(item.alerts);
  }
  return { packs, alerts };
}

function finish(part: Part): void {
  part.left -= 1;
  if (part.left === 0) part.resolve();
}

function fail(part: Part, error: unknown): void {
  part.failed = true;
  part.reject(error);
}
