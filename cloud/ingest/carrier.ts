import { setImmediate as nextTurn } from 'node:timers/promises';
import { logTopics } from '#core/contract/log-topics.js';
import type { EventLog, LogBatch } from '#core/log/log.js';
import type { Clock } from '#core/runtime/clock.js';
import type { CatalogueBook } from './catalogue-book.js';
import type { ClockBook } from './clock-book.js';
import { deadLetter, type Origin } from './dead-letters.js';
import { Tally, type IngestMetrics } from './ingest-metrics.js';
import type { LatencyWindow } from './latency.js';
import type { ParkedRecord, Parking } from './parking.js';
import { sortAlerts, sortReadings, type Refusal, type Sorted } from './sort-record.js';
import type { StoredNames } from './stored-names.js';
import type { StoreWriter, WriteItem } from './store-writer.js';
import type { UnknownSensors } from './unknown-sensors.js';

export interface CarrierOptions {
  readonly log: EventLog;
  readonly parking: Parking;
  readonly book: CatalogueBook;
  readonly clocks: ClockBook;
  readonly unknownSensors: UnknownSensors;
  readonly names: StoredNames;
  readonly writer: StoreWriter;
  readonly metrics: IngestMetrics;
  readonly latency: LatencyWindow;
  readonly clock: Clock;
  /** Tries again for ever what fails with a RetryableError, until the ingest stops. */
  readonly persist: <T>(operation: () => Promise<T>) => Promise<T>;
  /** Asks for another look at what is parked for `wait`. */
  readonly requestRelease: (wait: string) => void;
}

/** Readings decoded before the event loop gets a turn; two such slices of a partition are in memory at once. */
const sliceReadings = 10_000;

/** Takes records from the log, or from the parking, to where each of them belongs. */
export class Carrier {
  constructor(private readonly options: CarrierOptions) {}

  /** Resolves when every record of the batch is stored, parked or set aside: then its offsets may be committed. */
  async take(batch: LogBatch): Promise<void> {
    const tally = new Tally(this.options.metrics.meter);
    const writes = new WriteQueue(this.options.writer);
    try {
      let items: WriteItem[] = [];
      let readings = 0;
      for (const record of batch.records) {
        const origin = { topic: batch.topic, partition: batch.partition, record };
        const sorted = this.sort(origin);
        tally.enter(sorted.readings);
        items.push(...(await this.place(origin, sorted, tally)));
        readings += sorted.readings;
        if (readings < sliceReadings) continue;
        await writes.add(items);
        await nextTurn();
        items = [];
        readings = 0;
      }
      await writes.add(items);
      await writes.end();
    } catch (error) {
      tally.handBack();
      throw error;
    }
  }

  /** Carries what is parked for `wait`, if it can be placed now. Its readings were counted when they were parked. */
  async release(wait: string): Promise<void> {
    for await (const page of this.options.parking.records(wait)) {
      const sorted = page.map((parked) => ({ parked, sorted: this.sort(parked) }));
      // All that waits for one thing has found it, or none of it.
      if (sorted.some((one) => waitOf(one) === wait)) return;
      for (const next of new Set(sorted.map(waitOf))) {
        const records = sorted.filter((one) => waitOf(one) === next).map(({ parked }) => parked);
        if (next === undefined) await this.unpark(wait, records);
        else await this.waitOn(wait, next, records);
      }
    }
  }

  /** They have found one thing, a clock, and lack another, their catalogue. */
  private async waitOn(wait: string, next: string, records: readonly ParkedRecord[]): Promise<void> {
    const { parking, persist, requestRelease } = this.options;
    await persist(() => parking.move(wait, next, records));
    // It may have come meanwhile.
    if (waitOf({ sorted: this.sort(records[0]!) }) !== next) requestRelease(next);
  }

  private async unpark(wait: string, page: readonly ParkedRecord[]): Promise<void> {
    const { parking, writer, metrics, persist } = this.options;
    const tally = new Tally(metrics.meter);
    for (const { readings } of page) tally.resume(readings);
    try {
      const items: WriteItem[] = [];
      for (const parked of page) {
        items.push(...(await this.place(parked, this.sort(parked), tally)));
      }
      await writer.write(items);
      await persist(() => parking.remove(wait, page));
    } catch (error) {
      tally.repeat();
      throw error;
    }
  }

  private sort({ topic, record }: Origin): Sorted {
    const { book, clocks, unknownSensors } = this.options;
    return topic === logTopics.alerts.name
      ? sortAlerts(record, clocks)
      : sortReadings(record, book, clocks, unknownSensors);
  }

  /** Parks or sets aside what cannot be stored; returns what can. */
  private async place(origin: Origin, sorted: Sorted, tally: Tally): Promise<WriteItem[]> {
    const { names } = this.options;
    switch (sorted.fate) {
      case 'set-aside':
        await this.setAside(origin, sorted.reason, sorted.detail, sorted.readings, tally);
        return [];
      case 'park':
        await this.park(origin, sorted, tally);
        return [];
      case 'alerts':
        return [this.alertItem(origin, { ...sorted, alerts: names.alerts(sorted.alerts, origin.record) })];
      case 'store':
        for (const refusal of sorted.refusals) await this.refuse(origin, refusal, tally);
        return [sorted.pack, ...(sorted.unknown ? [sorted.unknown] : [])].map((pack) =>
          this.packItem(origin, { ...sorted, pack: names.pack(pack, origin.record) }, tally),
        );
    }
  }

  private async park(origin: Origin, sorted: Sorted & { fate: 'park' }, tally: Tally): Promise<void> {
    const { parking, persist, metrics, requestRelease } = this.options;
    const { wait, device, readings } = sorted;
    const parked: ParkedRecord = { ...origin, readings };
    const outcome = await persist(() => parking.park(wait, device, parked));
    if (outcome === 'device-full') {
      await this.setAside(
        origin,
        'parking-full',
        `no room left for ${device}, which waits for ${wait}`,
        readings,
        tally,
      );
      return;
    }
    tally.settle(readings);
    if (outcome === 'known') metrics.parkedTwice(readings);
    // What it waits for may have come while the record was on its way to the disk.
    if (waitOf({ sorted: this.sort(origin) }) !== wait) requestRelease(wait);
  }

  private async refuse(origin: Origin, { reason, detail, readings, dropped }: Refusal, tally: Tally): Promise<void> {
    if (!dropped) return this.setAside(origin, reason, detail, readings, tally);
    this.options.metrics.meter.drop(`${reason}-rejected`, readings);
    tally.settle(readings);
  }

  private async setAside(
    origin: Origin,
    reason: string,
    detail: string,
    readings: number,
    tally: Tally,
  ): Promise<void> {
    const { log, metrics, persist } = this.options;
    await persist(() => deadLetter(log, origin, reason, detail));
    metrics.setAside(reason, readings);
    tally.settle(readings);
  }

  private packItem(origin: Origin, sorted: Sorted & { fate: 'store' }, tally: Tally): WriteItem {
    const { metrics, log } = this.options;
    const { pack } = sorted.pack;
    const readings = pack.points.length;
    const setAside = async (count: number, detail: string, part?: 'part'): Promise<void> => {
      await deadLetter(log, origin, 'rejected', detail, part);
      metrics.setAside('rejected', count);
      tally.settle(count);
    };
    return {
      pack: sorted.pack,
      readings,
      stored: () => {
        tally.settle(readings);
        if (readings > 0) this.observeLatency(sorted);
      },
      reject: (error) => setAside(readings, error.message),
      cutOut: async (rejected) => {
        await setAside(rejected.size, [...new Set(rejected.values())].join('; '), 'part');
        const points = pack.points.filter((_, index) => !rejected.has(index));
        return this.packItem(origin, { ...sorted, pack: { ...sorted.pack, pack: { ...pack, points } } }, tally);
      },
    };
  }

  private observeLatency({ oldestUs, newestUs }: Sorted & { fate: 'store' }): void {
    const { metrics, latency, clock } = this.options;
    const nowUs = clock.nowUs();
    for (const timeUs of oldestUs === newestUs ? [newestUs] : [oldestUs, newestUs]) {
      latency.observe((nowUs - timeUs) / 1000);
      metrics.latencyMs((nowUs - timeUs) / 1000);
    }
  }

  private alertItem(origin: Origin, { alerts }: Sorted & { fate: 'alerts' }): WriteItem {
    const { metrics, log } = this.options;
    metrics.alert('received', alerts.alerts.length);
    return {
      alerts,
      readings: 0,
      stored: () => metrics.alert('stored', alerts.alerts.length),
      reject: async (error) => {
        await deadLetter(log, origin, 'rejected', error.message);
        metrics.setAside('rejected', 0);
        metrics.alert('set-aside', alerts.alerts.length);
      },
    };
  }
}

function waitOf({ sorted }: { readonly sorted: Sorted }): string | undefined {
  return sorted.fate === 'park' ? sorted.wait : undefined;
}

/** The writes of one batch: the next slice is decoded while one is written. A failure shows when the queue is waited for. */
class WriteQueue {
  private writing: Promise<void> = Promise.resolve();
  private failures: unknown[] = [];

  constructor(private readonly writer: StoreWriter) {}

  async add(items: readonly WriteItem[]): Promise<void> {
    await this.writing;
    this.writing = this.writer.write(items).catch((error: unknown) => void this.failures.push(error));
  }

  async end(): Promise<void> {
    await this.writing;
    if (this.failures.length > 0) throw this.failures[0];
  }
}
