import { observe } from '#core/runtime/metrics.js';
import type { Registry } from 'prom-client';
import { decodeAlertPack, resolveAlertPack, type AlertPack } from '#core/contract/alert.js';
import { ContractError } from '#core/contract/contract-error.js';
import { catalogueUnits } from '#core/contract/catalogue.js';
import { deviceStateSchema, type DeviceEventKind } from '#core/contract/device-events.js';
import { logTopics } from '#core/contract/log-topics.js';
import { deviceKey, type DeviceId } from '#core/contract/names.js';
import { decodePack } from '#core/contract/pack.js';
import type { Point } from '#core/contract/reading.js';
import type { StoredName } from '#core/contract/registration.js';
import { RegistrationBook } from '#core/contract/registration-book.js';
import type { EventLog, LogBatch, StoredRecord } from '#core/log/log.js';
import type { Clock } from '#core/runtime/clock.js';
import { messageOf } from '#core/runtime/errors.js';
import type { Part } from '#core/runtime/lifecycle.js';
import type { Logger } from '#core/runtime/logger.js';
import { AlertFeed, deviceAlerts } from '../alerts/alert-feed.js';
import { CatalogueBook, type KnownCatalogue } from '../ingest/catalogue-book.js';
import { readDeviceEvent, type DeviceEvent } from '../ingest/device-event.js';
import { ClockBook, inTrueTime } from '../ingest/clock-book.js';
import { isUnsynced, screenPack } from '../ingest/screen.js';
import { StoredNames } from '../ingest/stored-names.js';
import { SteadyTail } from '#core/log/steady-tail.js';
import { FleetDevice, type FleetSeries } from './fleet-device.js';
import { FleetReleases } from './fleet-releases.js';
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

const defaultMaxDevices = 20_000;

/** What devices say of themselves, and operators of which devices there are; the rest is said to devices. */
const told: ReadonlySet<DeviceEventKind> = new Set<DeviceEventKind>([
  ...(['catalogue', 'birth', 'heartbeat', 'offline', 'clock', 'config-report', 'registration'] as const),
]);

/**
 * What is known of the devices now, in bounded memory: read from the log beside the ingest, so that the live view
 * neither waits for the store nor costs it anything. It starts empty; announcements are read from the beginning,
 * readings from the end.
 */
export class Fleet implements Part {
  readonly alerts = new AlertFeed();
  private readonly book = new CatalogueBook();
  private readonly clocks = new ClockBook();
  /** What operators said of the devices, and under which names these speak. */
  readonly registrations = new RegistrationBook();
  private readonly names = new StoredNames(this.registrations);
  /** What devices are to run, what they run, and the rollouts that bring it. */
  readonly releases: FleetReleases;
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
    this.releases = new FleetReleases(options.maxDevices ?? defaultMaxDevices);
    this.tails = [
      // First and alone: what a device said is only understood by whoever knows its names.
      this.tailOf(logTopics.deviceEvents.name, 'beginning', (record) => this.register(record)),
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

  private register(record: StoredRecord): void {
    const event = readDeviceEvent(record);
    if (event?.kind === 'registration') this.registrations.learn(event.device, record.value);
  }

  private learn(record: StoredRecord): void {
    const released = this.releases.learn(record);
    if (released) return this.tellReleased(released);
    const event = readDeviceEvent(record);
    if (!event || !told.has(event.kind)) return;
    if (event.kind === 'registration') return this.learnNames(event, record);
    const owner = this.registrations.storedAs(deviceKey(event.device), record.appendedUs) ?? event.device;
    const device = this.admit(owner, record.appendedUs);
    if (!device) return;
    this.apply(device, event, record.appendedUs);
    this.tellDevice(device);
  }

  private tellReleased(spoken: DeviceId): void {
    const device = this.known.get(deviceKey(this.registrations.ownerOf(spoken, Infinity)));
    if (device) this.tellDevice(device);
  }

  private learnNames({ device: spoken }: DeviceEvent, record: StoredRecord): void {
    this.register(record);
    const owner = this.registrations.ownerOf(spoken, Infinity);
    const device = this.known.get(deviceKey(owner));
    // One that never spoke, or was turned away, is for the registry to list.
    if (!device) return;
    const { wantedCatalogue } = device;
    if (wantedCatalogue !== undefined) this.describe(device, spoken, this.book.get(spoken, wantedCatalogue));
    this.tellDevice(device);
  }

  private apply(device: FleetDevice, event: DeviceEvent, timeUs: number): void {
    const { kind, id, body, device: spoken } = event;
    if (kind === 'catalogue') {
      this.book.add(spoken, id, body);
      // Until a birth says which one is in use, the newest is.
      const wanted = device.wantedCatalogue;
      if (wanted === undefined || wanted === id) this.describe(device, spoken, this.book.get(spoken, id));
      return;
    }
    if (kind === 'clock') return void this.clocks.add(spoken, id, body);
    const parsed = deviceStateSchema.safeParse(body);
    if (!parsed.success) throw new ContractError('schema', `${kind} of ${deviceKey(spoken)}`);
    const state = parsed.data;
    // Which came last is told by the log: a device may not know the time yet.
    if (state.type === 'heartbeat') device.beat({ ...state, timeUs });
    else if (state.type === 'offline') device.ended(state.session);
    else if (state.type === 'birth') {
      this.book.add(spoken, state.catalogueHash, state.catalogue);
      if (device.born({ ...state, timeUs })) {
        this.describe(device, spoken, this.book.get(spoken, state.catalogueHash));
      }
    }
  }

  private describe(device: FleetDevice, spoken: DeviceId, announced: KnownCatalogue | undefined): void {
    // As its series are called from now on.
    const name = this.registrations.storedAs(deviceKey(spoken), Infinity);
    const isItsName = name && deviceKey(name) === deviceKey(device.id);
    const known = announced && isItsName ? this.renamed(announced, name) : announced;
    if (!known || device.catalogueHash === known.hash) return;
    const { maxSeries = 200_000 } = this.options;
    const before = device.series.size;
    device.describe(known, maxSeries - this.seriesCount + before);
    this.seriesCount += device.series.size - before;
    if (device.series.size < known.units.size) this.leaveOut(deviceKey(device.id));
    this.sorted = undefined;
  }

  private renamed(known: KnownCatalogue, name: StoredName): KnownCatalogue {
    const { catalogue, hash } = this.names.catalogue(known.catalogue, name);
    return { catalogue, hash, units: catalogueUnits(catalogue) };
  }

  private read(record: StoredRecord): void {
    const received = decodePack(record.value);
    const name = this.registrations.storedAs(deviceKey(received), record.appendedUs);
    const device = this.admit(name ?? received, record.appendedUs);
    const known = this.book.get(received, received.catalogue);
    this.rate.add(received.points.length);
    const pack = inTrueTime(received, this.clocks);
    if (!device || !known || !pack || isUnsynced(pack)) return;
    const renamed = name && this.names.catalogue(known.catalogue, name).renamed;
    for (const spoken of screenPack(pack, known).points) {
      const sensor = renamed?.get(spoken.sensor);
      const point = sensor === undefined ? spoken : { ...spoken, sensor };
      const series = device.note(point);
      if (series) for (const listener of this.listeners) listener.reading?.(series, point);
    }
  }

  private alert(record: StoredRecord): void {
    const pack = decodeAlertPack(record.value);
    const name = this.registrations.storedAs(deviceKey(pack), record.appendedUs);
    if (!this.admit(name ?? pack, record.appendedUs)) return;
    const { epoch, seq, ...shown } = this.shown(pack, record.appendedUs);
    const alerts = { site: pack.site, device: pack.device, epoch, seq, alerts: deviceAlerts({ ...shown, epoch, seq }) };
    this.alerts.offer(this.names.alerts(alerts, record).alerts);
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
      if (this.known.size >= (this.options.maxDevices ?? defaultMaxDevices)) return this.leaveOut(key);
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
