import type { Registry } from 'prom-client';
import { logTopics } from '#core/contract/log-topics.js';
import { RegistrationBook } from '#core/contract/registration-book.js';
import type { EventLog, StoredRecord, Subscription } from '#core/log/log.js';
import type { Clock } from '#core/runtime/clock.js';
import { messageOf, type RetryableError } from '#core/runtime/errors.js';
import type { Part } from '#core/runtime/lifecycle.js';
import type { Logger } from '#core/runtime/logger.js';
import type { StageSnapshot } from '#core/runtime/metrics.js';
import { retry, retryDelays, type RetrySchedule } from '#core/runtime/retry.js';
import type { SeriesStore } from '../store/store.js';
import { Carrier } from './carrier.js';
import { CatalogueBook } from './catalogue-book.js';
import { ClockBook } from './clock-book.js';
import { readDeviceEvent, type DeviceEvent } from './device-event.js';
import { IngestMetrics, type IngestParked } from './ingest-metrics.js';
import { keepingAlive } from './keep-alive.js';
import { LatencyWindow, type LatencySummary } from './latency.js';
import type { Parking } from './parking.js';
import { Releases } from './releases.js';
import { catalogueWait, clockWait, isClockWait } from './sort-record.js';
import { SteadyTail } from '#core/log/steady-tail.js';
import { StoreWriter } from './store-writer.js';
import { StoredNames } from './stored-names.js';
import { UnknownSensors, type UnknownSensorMode } from './unknown-sensors.js';

/** The consumer group whose offsets say what is stored. */
export const ingestGroup = 'ingest';
export const ingestTopics: readonly string[] = [logTopics.readings.name, logTopics.alerts.name];

export interface IngestOptions {
  readonly log: EventLog;
  readonly store: SeriesStore;
  /** Started and stopped by the ingest. */
  readonly parking: Parking;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
  /** Yields [0, 1). */
  readonly random?: () => number;
  /** How long the first pack waits for company before a write, in milliseconds. */
  readonly gatherMs?: number;
  /** Readings of one write to the store. */
  readonly maxWriteReadings?: number;
  readonly retry?: RetrySchedule;
  /** What becomes of readings whose sensor their catalogue lacks: `quarantine` unless set. */
  readonly unknownSensors?: UnknownSensorMode;
}

export interface IngestStatus {
  readonly stage: StageSnapshot;
  /** `unsynced`: the part of them that waits for the clock of its device. */
  readonly parked: IngestParked;
  readonly catalogues: number;
  /** False from a write that failed until one that succeeds. */
  readonly storing: boolean;
  /** From a reading's stamp until the store had it, over the last minute. */
  readonly latencyMs: LatencySummary | null;
}

/** What lives from a start to a stop. */
interface Run {
  readonly carrier: Carrier;
  readonly writer: StoreWriter;
  readonly releases: Releases;
  readonly stopping: AbortController;
}

const aliveEveryMs = 3000;
const defaultRetry: RetrySchedule = { firstMs: 100, maxMs: 10_000 };

/**
 * Carries packs and alerts from the log into the store; an offset is committed only after the store has what stands
 * before it, or after it was parked or set aside durably. Several processes may share the group, each with a parking
 * of its own.
 */
export class Ingest implements Part {
  private readonly book = new CatalogueBook();
  private readonly clocks = new ClockBook();
  private readonly names = new StoredNames(new RegistrationBook());
  private readonly metrics: IngestMetrics;
  private readonly latency: LatencyWindow;
  private readonly announcements: SteadyTail;
  private storing = true;
  private run: Run | undefined;
  private subscription: Subscription | undefined;

  constructor(private readonly options: IngestOptions) {
    this.metrics = new IngestMetrics(options.registry, () => this.parked());
    this.latency = new LatencyWindow(options.clock);
    this.announcements = new SteadyTail({
      ...options,
      topic: logTopics.deviceEvents.name,
      from: 'beginning',
      onBatch: ({ records }) => records.forEach((record) => this.learn(record)),
    });
  }

  /** Resolves when the catalogues and clocks in the log have been read and the group is joined. */
  async start(): Promise<void> {
    if (this.run) return;
    const { parking } = this.options;
    await parking.start();
    const { meter } = this.metrics;
    // What an earlier life parked is in flight here from the first moment.
    meter.in(Math.max(0, parking.status().readings - meter.inFlight));
    const run = (this.run = this.createRun());
    try {
      await this.announcements.start();
      for (const wait of parking.waiting()) run.releases.request(wait);
      await this.join(run);
    } catch (error) {
      await this.stop(1000).catch(() => undefined);
      throw error;
    }
  }

  async stop(deadlineMs: number): Promise<void> {
    const { clock, parking } = this.options;
    if (!this.run) return;
    const { writer, releases, stopping } = this.run;
    const endMs = clock.monotonicMs() + deadlineMs;
    const left = (): number => Math.max(0, endMs - clock.monotonicMs());
    const drained = this.subscription?.stop(deadlineMs) ?? Promise.resolve();
    // While the store is away nothing drains: before the time is up, what is in work is given back to the log.
    await this.race(drained, deadlineMs * 0.7);
    stopping.abort();
    await this.race(Promise.allSettled([writer.abort(), releases.stop()]), left());
    const steps = await Promise.allSettled([drained, this.announcements.stop(left())]);
    steps.push(...(await Promise.allSettled([parking.stop()])));
    this.run = this.subscription = undefined;
    const failed = steps.find((step) => step.status === 'rejected');
    if (failed) throw failed.reason;
  }

  /** Why it cannot do its work now, as sentences. */
  notReady(): string[] {
    const reasons: string[] = [];
    if (!this.subscription) reasons.push('The ingest has not joined its group in the event log yet.');
    if (!this.storing) reasons.push('The store takes no readings; they wait in the event log.');
    return reasons;
  }

  status(): IngestStatus {
    return {
      stage: this.metrics.meter.snapshot(),
      parked: this.parked(),
      catalogues: this.book.size,
      storing: this.storing,
      latencyMs: this.latency.summary(),
    };
  }

  private async join({ carrier }: Run): Promise<void> {
    const { log, logger, clock } = this.options;
    const onError = (error: unknown): void => logger.warn({ error: messageOf(error) }, 'the log could not be told');
    this.subscription = await log.subscribe({
      group: ingestGroup,
      topics: ingestTopics,
      onBatch: (batch, alive) => keepingAlive(carrier.take(batch), alive, clock, aliveEveryMs, onError),
      onError: (error) => logger.error({ error: messageOf(error) }, 'a batch was handed back to the log'),
    });
  }

  private createRun(): Run {
    const { log, store, parking, clock, logger, random = Math.random } = this.options;
    const { gatherMs = 10, maxWriteReadings: maxReadings = 50_000, retry: schedule = defaultRetry } = this.options;
    const { metrics, latency, book, clocks } = this;
    const stopping = new AbortController();
    const onRetry = (error: RetryableError, attempt: number): void => this.retrying(error, attempt);
    const onStoreRetry: typeof onRetry = (error, attempt) => {
      this.storing = false;
      onRetry(error, attempt);
    };
    const writer = new StoreWriter({
      ...{ store, clock, random, gatherMs, maxReadings, retry: schedule, onRetry: onStoreRetry },
      onFailed: () => (this.storing = false),
      onStored: (items, outcome) => {
        this.storing = true;
        metrics.stored(
          items.reduce((sum, { readings }) => sum + readings, 0),
          outcome,
        );
      },
    });
    const releases = new Releases({ clock, random, schedule, logger, release: (wait) => carrier.release(wait) });
    const persist: Carrier['options']['persist'] = (operation) =>
      retry(operation, { clock, delays: retryDelays(schedule, random), signal: stopping.signal, onRetry });
    const requestRelease = (wait: string): void => releases.request(wait);
    const unknownSensors = new UnknownSensors(this.options.unknownSensors ?? 'quarantine');
    const known = { book, clocks, unknownSensors, names: this.names };
    const carrier = new Carrier({ log, parking, ...known, writer, metrics, latency, clock, persist, requestRelease });
    return { carrier, writer, releases, stopping };
  }

  private retrying({ code, message }: RetryableError, attempt: number): void {
    if (attempt === 1) this.options.logger.warn({ code, error: message }, 'readings wait: trying again until it works');
    this.metrics.retried();
  }

  private learn(record: StoredRecord): void {
    try {
      const event = readDeviceEvent(record);
      if (event?.kind === 'registration') this.names.book.learn(event.device, record.value);
      const wait = this.learned(event);
      if (wait !== undefined) this.run?.releases.request(wait);
    } catch (error) {
      this.options.logger.warn({ key: record.key, error: messageOf(error) }, 'ignored a record of device-events');
    }
  }

  /** What needs to wait no longer. */
  private learned(event: DeviceEvent | undefined): string | undefined {
    if (event?.kind === 'catalogue' && this.book.add(event.device, event.id, event.body)) {
      return catalogueWait(event.device, event.id);
    }
    if (event?.kind === 'clock' && this.clocks.add(event.device, event.id, event.body)) {
      return clockWait(event.device, event.id);
    }
    return undefined;
  }

  private parked(): IngestParked {
    const { parking } = this.options;
    return { ...parking.status(), unsynced: parking.statusOf(isClockWait) };
  }

  private async race(work: Promise<unknown>, ms: number): Promise<void> {
    const done = new AbortController();
    const settled = work.catch(() => undefined).finally(() => done.abort());
    await Promise.race([settled, this.options.clock.sleep(ms, done.signal)]);
  }
}
