import { encodeAlertPack, type Alert } from '#core/contract/alert.js';
import type { DeviceId } from '#core/contract/names.js';
import { encodePack, type TransferCoding } from '#core/contract/pack.js';
import type { Point } from '#core/contract/reading.js';
import type { Clock } from '#core/runtime/clock.js';
import type { Logger } from '#core/runtime/logger.js';
import type { StageMeter } from '#core/runtime/metrics.js';
import { readingsOf } from '#core/signal/pipeline.js';
import type { DeviceCatalogue } from '../device-catalogue.js';
import type { Timeline } from '../clock/timeline.js';
import type { Lane, Outbox } from '../outbox/outbox.js';
import { LaneWriter, type WaitingEntry } from './lane-writer.js';
import { PackBuffer } from './pack-buffer.js';

/** The most alerts of one alert pack. */
const maxAlerts = 1000;

/** How points become packs. */
export interface PackOptions {
  /** A pack is cut this long after its first reading, in milliseconds. Default 100. */
  readonly packDelayMs?: number;
  /** A pack is cut when it has so many points. Default 500. */
  readonly packMaxReadings?: number;
  /** Default `zlib`. */
  readonly coding?: TransferCoding;
  /** Points held in memory while the outbox takes none; beyond it the oldest go. Default 50,000. */
  readonly maxWaitingPoints?: number;
}

export interface OutgoingOptions extends PackOptions {
  readonly device: DeviceId;
  readonly outbox: Outbox;
  readonly catalogue: DeviceCatalogue;
  readonly clock: Clock;
  /** Whether and since when the clock knows the time. Default it always does. */
  readonly timeline?: Timeline;
  /** Yields [0, 1): spreads retries. */
  readonly random: () => number;
  readonly logger: Logger;
}

const defaultMaxWaitingPoints = 50_000;

/** What leaves the agent: points gathered into packs, alerts at once, each on its lane of the outbox. */
export class Outgoing {
  private packs: PackOptions;
  private open: PackBuffer;
  /** The boot that the stamps of the open pack count from. */
  private boot: string | undefined;
  private readonly lanes: Record<Lane, LaneWriter>;

  constructor(
    private readonly options: OutgoingOptions,
    meter: StageMeter,
  ) {
    const { outbox, maxWaitingPoints = defaultMaxWaitingPoints } = options;
    this.packs = options;
    this.open = this.createBuffer();
    const lane = {
      ...options,
      outbox,
      maxWaitingPoints,
      onWritten: (entries: readonly WaitingEntry[]) => meter.out(readingsIn(entries)),
      onDropped: (reason: string, entry: WaitingEntry) => meter.drop(reason, entry.readings),
    };
    this.lanes = { data: new LaneWriter(lane), alert: new LaneWriter(lane) };
  }

  /** Asked for anew each time. */
  get buffer(): PackBuffer {
    return this.open;
  }

  /** For points whose stamps count from a boot, or none: a pack never holds both. */
  bufferFor(boot: string | undefined): PackBuffer {
    if (boot !== this.boot) {
      this.open.cut();
      this.boot = boot;
    }
    return this.open;
  }

  /** Cuts the open pack, and makes the next ones in another way. */
  configure(packs: PackOptions): void {
    this.open.cut();
    this.packs = packs;
    this.open = this.createBuffer();
    const { maxWaitingPoints = defaultMaxWaitingPoints } = packs;
    for (const lane of Object.values(this.lanes)) lane.maxWaitingPoints = maxWaitingPoints;
  }

  /** Points in memory that the outbox has not taken. */
  get waitingPoints(): number {
    return this.lanes.data.waitingPoints + this.lanes.alert.waitingPoints;
  }

  /** Why the outbox takes nothing; undefined while it does. */
  get failure(): string | undefined {
    return this.lanes.data.lastFailure ?? this.lanes.alert.lastFailure;
  }

  writeAlerts(alerts: readonly Alert[], bboot?: string): void {
    const { site, device } = this.options.device;
    for (let from = 0; from < alerts.length; from += maxAlerts) {
      const some = alerts.slice(from, from + maxAlerts);
      const head = { site, device, ...(bboot !== undefined && { bboot }) };
      const encode = (seq: number, epoch: string) => encodeAlertPack({ ...head, epoch, seq, alerts: some });
      this.lanes.alert.put({ lane: 'alert', readings: 0, points: some.length, encode });
    }
  }

  /** Cuts the open pack and waits until everything is in the outbox, at most `deadlineMs`. */
  async stop(deadlineMs: number): Promise<void> {
    this.buffer.cut();
    await Promise.all([this.lanes.data.stop(deadlineMs), this.lanes.alert.stop(deadlineMs)]);
  }

  private createBuffer(): PackBuffer {
    const { packDelayMs: delayMs = 100, packMaxReadings: maxPoints = 500 } = this.packs;
    const onPack = (points: readonly Point[]) => this.writePack(points);
    return new PackBuffer({ clock: this.options.clock, delayMs, maxPoints, onPack });
  }

  private writePack(points: readonly Point[]): void {
    const { device, catalogue } = this.options;
    const { coding = 'zlib' } = this.packs;
    const { hash, units } = catalogue.use();
    const { boot } = this;
    const head = { site: device.site, device: device.device, catalogue: hash, points, ...(boot && { boot }) };
    const readings = points.reduce((total, point) => total + readingsOf(point), 0);
    const encode = (seq: number, epoch: string) => {
      if (boot !== undefined) this.options.timeline?.noteUnsynced(seq);
      return encodePack({ ...head, epoch, seq }, units, coding);
    };
    this.lanes.data.put({ lane: 'data', readings, points: points.length, encode });
  }
}

function readingsIn(entries: readonly WaitingEntry[]): number {
  return entries.reduce((total, { readings }) => total + readings, 0);
}
