import { type FatalError, RetryableError } from '../../runtime/errors.js';
import type { Clock } from '../../runtime/clock.js';
import type { Logger } from '../../runtime/logger.js';
import { retryDelays } from '../../runtime/retry.js';
import type { LogBatch, Tail, TailOptions } from '../log.js';
import { Mutex } from '../../runtime/mutex.js';
import { Outage } from '../outage.js';
import type { ClusterLink } from './cluster-link.js';
import { type Fetched, type FetchLimits, fetchNext, type Place } from './fetch.js';
import { isNamed, outOfRange } from './kafka-error.js';

export interface KafkaTailOptions {
  readonly link: ClusterLink;
  readonly tail: TailOptions;
  readonly limits: FetchLimits;
  readonly maxBatchRecords: number;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
}

const part = 'tail';
const again = { firstMs: 100, maxMs: 3000 };

/** The reader itself has failed, and not Kafka. */
class ReaderFailed extends Error {}

/**
 * Reads all partitions without a group: kafkajs's consumer would need one, and would leave it behind. Each broker is
 * asked for what it leads; what comes is handed out one batch at a time.
 */
export class KafkaTail implements Tail {
  readonly caughtUp: Promise<void>;
  private resolveCaughtUp: () => void = () => undefined;
  private rejectCaughtUp: (error: unknown) => void = () => undefined;
  private places: Place[] | undefined;
  private readonly stopping = new AbortController();
  private readonly forced = new AbortController();
  private readonly handing = new Mutex();
  private readonly outage: Outage;
  private delays: Iterator<number, never>;
  private done: Promise<void> = Promise.resolve();

  constructor(private readonly options: KafkaTailOptions) {
    this.outage = new Outage(`Kafka for a tail of ${options.tail.topics.join(', ')}`, options.logger);
    this.delays = retryDelays(again, options.random);
    this.caughtUp = new Promise((resolve, reject) => {
      this.resolveCaughtUp = resolve;
      this.rejectCaughtUp = reject;
    });
    // Whoever does not wait for it hears of a failure by onError.
    this.caughtUp.catch(() => undefined);
  }

  /** Resolves when it is known what stands in the log now; throws RetryableError `stopped`. */
  async start(): Promise<void> {
    const { signal } = this.stopping;
    while (!this.places) {
      if (signal.aborted) throw stopped();
      this.places = await this.find().catch((error: unknown) => this.recover(error));
    }
    this.tellCaughtUp();
    this.done = this.run();
  }

  async stop(deadlineMs: number): Promise<void> {
    this.stopping.abort();
    // Nothing is committed: only a batch that is being handed out is waited for, not a broker's answer.
    const idle = this.handing.run(() => Promise.resolve());
    await Promise.race([idle, this.options.clock.sleep(deadlineMs, this.forced.signal)]);
    this.forced.abort();
    this.options.link.close();
    this.rejectCaughtUp(stopped());
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        await this.follow(this.places ?? []);
      } catch (error) {
        if (signal.aborted) return;
        const final = this.finalOf(error);
        if (final === undefined) await this.recover(error);
        else return this.end(final);
      }
    }
  }

  private finalOf(error: unknown): unknown {
    if (error instanceof ReaderFailed) return error.cause;
    return isNamed(error, 'KafkaJSOffsetOutOfRange') ? this.lost(error) : undefined;
  }

  private lost(error: unknown): FatalError {
    return outOfRange(`a tail of ${this.options.tail.topics.join(', ')}`, error);
  }

  private end(error: unknown): void {
    this.rejectCaughtUp(error);
    this.options.link.close();
    this.options.tail.onError?.(error);
  }

  private async recover(error: unknown): Promise<undefined> {
    const { link, clock } = this.options;
    const { signal } = this.stopping;
    if (signal.aborted) return;
    this.outage.failed(part, error);
    await Promise.all([link.recover(), clock.sleep(this.delays.next().value, signal)]);
  }

  /** Where each partition ends now, and where to begin. */
  private async find(): Promise<Place[]> {
    const { link, tail } = this.options;
    const places: Place[] = [];
    for (const topic of tail.topics) {
      const count = await link.partitions(topic);
      const partitions = Array.from({ length: count }, (_, partition) => ({ partition }));
      const offsets = (fromBeginning: boolean): Promise<Map<number, number>> =>
        link.use(`offsets of ${topic}`, async (cluster) => {
          const [found] = await cluster.fetchTopicsOffset([{ topic, partitions, fromBeginning }]);
          return new Map(found?.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
        });
      const ends = await offsets(false);
      const begins = tail.from === 'beginning' ? await offsets(true) : ends;
      for (const [partition, end] of ends)
        places.push({ topic, partition, end, position: begins.get(partition) ?? end });
    }
    return places;
  }

  /** Reads until something fails, each broker by a loop of its own. */
  private async follow(places: readonly Place[]): Promise<void> {
    const leaderOf = await this.options.link.leaders();
    const led = new Map<string, Place[]>();
    for (const place of places) {
      const leader = leaderOf(place.topic, place.partition);
      if (leader === undefined)
        throw new RetryableError('unavailable', `${place.topic}/${place.partition} has no leader`);
      led.set(leader, [...(led.get(leader) ?? []), place]);
    }
    const turn = new AbortController();
    const loops = [...led].map(([nodeId, own]) =>
      this.followBroker(nodeId, own, turn.signal).finally(() => turn.abort()),
    );
    const results = await Promise.allSettled(loops);
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  private async followBroker(nodeId: string, places: readonly Place[], turn: AbortSignal): Promise<void> {
    const { link, limits, random } = this.options;
    const broker = await link.broker(nodeId);
    while (!turn.aborted && !this.stopping.signal.aborted) {
      const fetched = await fetchNext(broker, places, limits);
      this.outage.worked(part);
      this.delays = retryDelays(again, random);
      await this.handing.run(() => this.handOut(fetched));
    }
  }

  private async handOut(fetched: readonly Fetched[]): Promise<void> {
    const { tail, maxBatchRecords } = this.options;
    for (const { place, records, next } of fetched) {
      for (let i = 0; i < records.length; i += maxBatchRecords) {
        if (this.stopping.signal.aborted) return;
        const { topic, partition } = place;
        await handTo(tail, { topic, partition, records: records.slice(i, i + maxBatchRecords) });
      }
      place.position = next;
    }
    this.tellCaughtUp();
  }

  private tellCaughtUp(): void {
    if (this.places?.every(({ position, end }) => position >= end)) this.resolveCaughtUp();
  }
}

async function handTo(tail: TailOptions, batch: LogBatch): Promise<void> {
  try {
    await tail.onBatch(batch);
  } catch (cause) {
    throw new ReaderFailed('the reader of a tail rejected a batch', { cause });
  }
}

function stopped(): RetryableError {
  return new RetryableError('stopped', 'the tail was stopped before it had caught up');
}
