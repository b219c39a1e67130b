import type { Clock } from '../../runtime/clock.js';
import type { Logger } from '../../runtime/logger.js';
import { retryDelays } from '../../runtime/retry.js';
import type { GroupOptions, Subscription } from '../log.js';
import type { LogMetrics } from '../log-metrics.js';
import { Outage } from '../outage.js';
import { BatchHandler } from './batch-handler.js';
import type { KafkaConnection } from './connection.js';
import { ConsumerSession, type ConsumerSettings } from './consumer-session.js';
import { isPassing, outOfRange } from './kafka-error.js';
import { lostOffset } from './offset-guard.js';

export interface GroupConsumerOptions {
  readonly connection: KafkaConnection;
  readonly group: GroupOptions;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly metrics: LogMetrics;
  readonly settings: ConsumerSettings;
  /** The most records of a batch handed out. */
  readonly maxBatchRecords: number;
}

const part = 'reading';
/** What passes by itself is worth no line in the log before it has lasted so long. */
const passingMs = 10_000;
const rejoin = { firstMs: 200, maxMs: 3000 };

/**
 * A member of a group. Whenever its consumer ends by itself, a new one takes its place: kafkajs ends for good at errors
 * that it takes for final, and can wait for ever for a broker that does not answer.
 */
export class GroupConsumer implements Subscription {
  private readonly stopping = new AbortController();
  private readonly forced = new AbortController();
  private readonly outage: Outage;
  private readonly handler: BatchHandler;
  private delays: Iterator<number, never>;
  private troubledSinceMs: number | undefined;
  private session: ConsumerSession | undefined;
  private done: Promise<void> = Promise.resolve();

  constructor(private readonly options: GroupConsumerOptions) {
    this.outage = new Outage(`Kafka for group ${options.group.group}`, options.logger);
    this.handler = new BatchHandler({ ...options, stopping: this.stopping.signal, forced: this.forced.signal });
    this.delays = retryDelays(rejoin, options.random);
  }

  start(): void {
    this.done = this.run();
  }

  async stop(deadlineMs: number): Promise<void> {
    const isDone = new AbortController();
    this.stopping.abort();
    await Promise.race([this.done, this.options.clock.sleep(deadlineMs, isDone.signal).then(() => this.force())]);
    isDone.abort();
  }

  private async force(): Promise<void> {
    this.forced.abort();
    await this.session?.force();
  }

  private async run(): Promise<void> {
    const { clock } = this.options;
    const { signal } = this.stopping;
    while (!signal.aborted) {
      this.session = this.newSession();
      const error = await this.session.run(signal);
      this.session = undefined;
      if (signal.aborted || this.isFinal(error)) return;
      this.troubledSinceMs ??= clock.monotonicMs();
      if (!isPassing(error) || clock.monotonicMs() - this.troubledSinceMs > passingMs) this.outage.failed(part, error);
      await clock.sleep(this.delays.next().value, signal);
    }
  }

  private newSession(): ConsumerSession {
    const { connection, group, settings, clock, random } = this.options;
    return new ConsumerSession({
      connection,
      settings,
      clock,
      group: group.group,
      topics: group.topics,
      eachBatch: this.handler.handle,
      isWorking: () => this.handler.isWorking,
      onJoin: () => {
        this.outage.worked(part);
        this.troubledSinceMs = undefined;
        this.delays = retryDelays(rejoin, random);
      },
    });
  }

  /** A group that has committed nothing begins at the beginning, wherever that is by now; any other has lost records. */
  private isFinal(error: unknown): boolean {
    const lost = lostOffset(error);
    if (!lost?.wasCommitted) return false;
    const { group, onError } = this.options.group;
    const fatal = outOfRange(`group ${group} in ${lost.topic}/${lost.partition}`, error);
    this.options.logger.error({ group, error: fatal.message }, 'a group has ended');
    onError?.(fatal);
    return true;
  }
}
