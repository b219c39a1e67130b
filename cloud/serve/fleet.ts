import { observe } from '#core/runtime/metrics.js';
import type { Registry } from 'prom-client';
import { decodeAlertPack, resolveAlertPack, type AlertPack } from '#core/contract/alert.js';
import { ContractError } from '#core/contract/contract-error.js';
import { deviceStateSchema } from '#core/contract/device-events.js';
import { logTopics } from '#core/contract/log-topics.js';
import { deviceKey, type DeviceId } from '#core/contract/names.js';
import { decodePack } from '#core/contract/pack.js';
import type { Point } from '#core/contract/reading.js';
import type { EventLog, LogBatch, StoredRecord } from '#core/log/log.js';
import type { Clock } from '#core/runtime/clock.js';
import { messageOf } from '#core/runtime/errors.js';
import type { Part } from '#core/runtime/lifecycle.js';
import type { Logger } from '#core/runtime/logger.js';
import { AlertFeed, deviceAlerts } from '../alerts/alert-feed.js';
import { CatalogueBook } from '../ingest/catalogue-book.js';
import { readDeviceEvent, type DeviceEvent } from '../ingest/device-event.js';
import { ClockBook, inTrueTime } from '../ingest/clock-book.js';
import { isUnsynced, screenPack } from '../ingest/screen.js';
import { SteadyTail } from '#core/log/steady-tail.js';
import { FleetDevice, type FleetSeries } from './fleet-device.js';
import { RateMeter } from './rate-meter.js';

export interface FleetOptions {
  readonly log: EventLog;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
  /** Devices and series kept in memory; what comes on top is counted and left out. */
  readonly maxDevices?: number;
  readonly maxSeries?: number;
  /** A device that was silent for so long is offline, even if nothing said so. */
  readonly silentAfterMs?: number;
}

export interface FleetListener {
  /** A reading that may be served, with its series. */
  reading?(series: FleetSeries, point: Point): void;
  /** Something about a device changed. */
  device?(device: FleetDevice): void;
}

/** Records about a device that are not by it: none of them says that it was ever there. */
const saidByOthers: ReadonlySet<string> = new Set(['config', 'credential', 'registration', 'command']);

/**
 * What is known of the devices now, in bounded memory: read from the log beside the ingest, so that the live view
 * neither waits for the store nor costs it anything. It starts empty; announcements are read from the beginning,
 * readings from the end.
 */
export class Fleet implements Part {
  readonly alerts = new AlertFeed();
  private readonly book = new CatalogueBook();
  private readonly clocks = new ClockBook();
  private readonly known = new Map<string, FleetDevice>();
  private readonly listeners = new Set<FleetListener>();
  private readonly rate: RateMeter;
  private readonly tails: readonly SteadyTail[];
  private sorted: readonly FleetSeries[] | undefined;
  private seriesCount = 0;
  private readonly leftOut = new Set<string>();
  private announced = false;

  constructor(private readonly options: FleetOptions) {
    this.rate = new RateMeter(options.clock);
    this.tails = [
      this.tailOf(logTopics.deviceEvents.name, 'beginning', (record) => this.learn(record)),
      this.tailOf(logTopics.readings.name, 'end', (record) => this.read(record)),
      this.tailOf(logTopics.alerts.name, 'end', (record) => this.alert(record)),
    ];
    const { registry } = options;
    observe(registry, 'fieldline_fleet_devices', 'Devices known', () => this.known.size);
    observe(registry, 'fieldline_fleet_devices_online', 'Devices online', () => this.onlineCount());
    observe(registry, 'fieldline_fleet_series', 'Series known', () => this.seriesCount);
    observe(registry, 'fieldline_fleet_left_out', 'Devices left out for want of room', () => this.leftOut.size);
  }

  /** Resolves when the announcements in the log have been read. */
  async start(): Promise<void> {
    if (this.announced) return;
    for (const tail of this.tails) await tail.start();
    this.announced = true;
  }

  async stop(deadlineMs: number): Promise<void> {
    this.announced = false;
    await Promise.all(this.tails.map((tail) => tail.stop(deadlineMs)));
  }

  /** Whether the announcements have been read. */
  ready(): boolean {
    return this.announced;
  }

  devices(): FleetDevice[] {
    return [...this.known.values()];
  }

  device(id: DeviceId): FleetDevice | undefined {
    return this.known.get(deviceKey(id));
  }

  online(device: FleetDevice): boolean {
    const { clock, silentAfterMs = 300_000 } = this.options;
    return device.online(clock.nowUs() - silentAfterMs * 1000);
  }

  onlineCount(): number {
    return this.devices().filter((device) => this.online(device)).length;
  }

  /** All series in order of their keys. */
  series(): readonly FleetSeries[] {
    this.sorted ??= this.devices()
      .flatMap((device) => [...device.series.values()])
      .sort((a, b) => (a.key < b.key ? -1 : 1));
    return this.sorted;
  }

  readingsPerSecond(): number {
    return this.rate.perSecond();
  }

  /** Calls the listener until the returned function is called. */
  listen(listener: FleetListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private tailOf(topic: string, from: 'beginning' | 'end', take: (record: StoredRecord) => void): SteadyTail {
    const onBatch = ({ records }: LogBatch): void => records.forEach((record) => this.tolerate(record, take));
    return new SteadyTail({ ...this.options, topic, from, onBatch });
  }

  /** What the contract refuses is the gateway's and the ingest's to report; here it is only not shown. */
  private tolerate(record: StoredRecord, take: (record: StoredRecord) => void): void {
    try {
      take(record);
    } catch (error) {
      if (!(error instanceof ContractError)) this.options.logger.warn({ error: messageOf(error) }, 'record not shown');
    }
  }

  private learn(record: StoredRecord): void {
    const event = readDeviceEvent(record);
    if (!event || saidByOthers.has(event.kind)) return;
    const device = this.admit(event.device, record.appendedUs);
    if (!device) return;
    this.apply(device, event, record.appendedUs);
    this.tellDevice(device);
  }

  private apply(device: FleetDevice, { kind, id, body }: DeviceEvent, timeUs: number): void {
    if (kind === 'catalogue') {
      this.book.add(device.id, id, body);
      // Until a birth says which one is in use, the newest is.
      if (device.wantedCatalogue === undefined || device.wantedCatalogue === id) this.describe(device, id);
      return;
    }
    if (kind === 'clock') return void this.clocks.add(device.id, id, body);
    const parsed = deviceStateSchema.safeParse(body);
    if (!parsed.success) throw new ContractError('schema', `${kind} of ${deviceKey(device.id)}`);
    const state = parsed.data;
    // Which came last is told by the log: a device may not know the time yet.
    if (state.type === 'heartbeat') device.beat({ ...state, timeUs });
    else if (state.type === 'offline') device.ended(state.session);
    else if (state.type === 'birth') {
      device.born({ ...state, timeUs });
      this.book.add(device.id, state.catalogueHash, state.catalogue);
      this.describe(device, state.catalogueHash);
    }
  }

  private describe(device: FleetDevice, hash: string): void {
    const known = this.book.get(device.id, hash);
    if (!known || device.catalogueHash === hash) return;
    const { maxSeries = 200_000 } = this.options;
    const before = device.series.size;
    device.describe(known, maxSeries - this.seriesCount + before);
    this.seriesCount += device.series.size - before;
    if (device.series.size < known.units.size) this.leaveOut(deviceKey(device.id));
    this.sorted = undefined;
  }

  private read(record: StoredRecord): void {
    const received = decodePack(record.value);
    const device = this.admit(received, record.appendedUs);
    const known = this.book.get(received, received.catalogue);
    this.rate.add(received.points.length);
    const pack = inTrueTime(received, this.clocks);
    if (!device || !known || !pack || isUnsynced(pack)) return;
    for (const point of screenPack(pack, known).points) {
      const series = device.note(point);
      if (series) for (const listener of this.listeners) listener.reading?.(series, point);
    }
  }

  private alert(record: StoredRecord): void {
    const pack = decodeAlertPack(record.value);
    if (this.admit(pack, record.appendedUs)) this.alerts.offer(deviceAlerts(this.shown(pack, record.appendedUs)));
  }

  /** An alert is told at once: with the time of its receipt, until the clock of its device is known. It is only stored then. */
  private shown(pack: AlertPack, receivedUs: number): AlertPack {
    const { bboot, ...rest } = pack;
    if (bboot === undefined) return pack;
    const offsetUs = this.clocks.offsetUs(pack, bboot);
    if (offsetUs !== undefined) return resolveAlertPack(pack, offsetUs);
    return { ...rest, alerts: pack.alerts.map((alert) => ({ ...alert, timeUs: receivedUs })) };
  }

  /** The device, if there is room for it; what the log took of it last was at `seenUs`. */
  private admit(id: DeviceId, seenUs: number): FleetDevice | undefined {
    const key = deviceKey(id);
    let device = this.known.get(key);
    if (!device) {
      if (this.known.size >= (this.options.maxDevices ?? 20_000)) return this.leaveOut(key);
      device = new FleetDevice({ site: id.site, device: id.device });
      this.known.set(key, device);
    }
    device.lastSeenUs = Math.max(device.lastSeenUs, seenUs);
    return device;
  }

  private leaveOut(key: string): undefined {
    // Enough to know that the limit is too low; more would be without bound itself.
    if (this.leftOut.size < 10_000) this.leftOut.add(key);
    return undefined;
  }

  private tellDevice(device: FleetDevice): void {
    for (const listener of this.listeners) listener.device?.(device);
  }
}
