import type { SensorDescription } from '#core/contract/catalogue.js';
import { deviceEventKey, type DeviceEventKind } from '#core/contract/device-events.js';
import { deviceKey, type DeviceId } from '#core/contract/names.js';
import { encodePack } from '#core/contract/pack.js';
import type { Point } from '#core/contract/reading.js';
import type { LogRecord } from '#core/log/log.js';
import type { Clock } from '#core/runtime/clock.js';
import { ForeignDevice, type CatalogueRoom } from './foreign-device.js';
import { ForeignNumbers } from './foreign-numbers.js';
import type { ForeignBatch, ForeignReading } from './foreign.js';
import type { RefusedReadings, RefusedReason } from './refused.js';
import { faultOf, RefusedCount } from './refusing.js';

export interface PackMakerOptions {
  readonly clock: Clock;
  /** Yields [0, 1). */
  readonly random: () => number;
  readonly limits: { readonly maxDevices: number; readonly maxSensors: number };
  /** The sensors that an earlier run announced for the device. */
  readonly announced: (device: DeviceId) => Readonly<Record<string, SensorDescription>> | undefined;
}

/** What is common to the batches of one message. */
export interface MessageOrigin {
  /** The lane in which the records will be appended, in order. */
  readonly lane: string;
  /** The `type` of the source. */
  readonly type: string;
  readonly receivedUs: number;
  readonly retained: boolean;
  readonly replayOf?: string | undefined;
}

/** What a batch becomes. */
export interface MadePacks {
  /** Records of `device-events` that must be durable before the packs. */
  readonly events: readonly LogRecord[];
  /** Records of `sensor-readings`. */
  readonly packs: readonly LogRecord[];
  readonly readings: number;
  readonly refused: readonly RefusedReadings[];
  /** To be called when all of it is durable. */
  readonly stored: () => void;
}

const [maxPackPoints, maxPackTextBytes] = [1000, 256 * 1024];
/** Of all sensors' descriptions: a few hundred thousand sensors. */
const maxDescribedBytes = 64 * 1024 * 1024;
/** Shorter packs grow by deflating. */
const minPointsToDeflate = 10;
/** A device that was silent for so long makes room for another; when it is back, it has a new epoch. */
const forgetMs = 3_600_000;

/**
 * Makes packs of ours from foreign readings: for each device a random epoch, numbers from 0 on and a catalogue of what was
 * seen, for the life of this object. Its memory is bounded by its limits.
 */
export class PackMaker {
  /** The device heard longest ago comes first. */
  private readonly devices = new Map<string, ForeignDevice>();
  private messages = 0;
  private readonly room: CatalogueRoom = { bytes: 0, maxBytes: maxDescribedBytes };

  constructor(private readonly options: PackMakerOptions) {}

  get size(): number {
    return this.devices.size;
  }

  all(): Iterable<ForeignDevice> {
    return this.devices.values();
  }

  /** To be called for all batches of a message before those of the next. */
  beginMessage(): void {
    this.messages += 1;
  }

  /** `refusal`: the device is only announced, and its readings are refused. */
  take(batch: ForeignBatch, origin: MessageOrigin, refusal?: RefusedReason): MadePacks {
    const device = this.admit(batch.device);
    if (!device) return nothing('device-limit', `no room for ${deviceKey(batch.device)}`, batch.readings.length);
    const refused = new RefusedCount();
    const points = this.points(device, batch.readings, origin, refused);
    const numbers = new ForeignNumbers(device, origin.replayOf);
    if (refusal !== undefined) for (const _ of points) refused.add(refusal, deviceKey(device.id));
    const packs = split(refusal === undefined ? points : []).map((part) => this.pack(device, part, numbers));
    const { session } = device;
    const { hash } = device.catalogue();
    const news = points.length > 0 || batch.presence !== undefined ? this.announce(device, origin) : [];
    return {
      events: [...news, ...this.presence(device, batch, origin)],
      packs,
      readings: batch.readings.length,
      refused: refused.list(),
      stored: () => {
        device.stored(numbers.own);
        if (news.length > 0) device.announced = { hash, session };
      },
    };
  }

  /** The heartbeat of a device of which more is durable than was told; undefined if there is none to tell. */
  heartbeat(device: ForeignDevice): LogRecord | undefined {
    const { lastSeq, epoch, session, pending } = device;
    if (!device.announced || lastSeq <= device.toldSeq) return undefined;
    device.toldSeq = lastSeq;
    const state = { session, epoch, lastSeq, oldestHeld: lastSeq + 1, timeUs: this.options.clock.nowUs() };
    return event(device.id, 'heartbeat', { type: 'heartbeat', ...state, pending, bytes: 0 });
  }

  private admit(id: DeviceId): ForeignDevice | undefined {
    const key = deviceKey(id);
    const nowMs = this.options.clock.monotonicMs();
    let device = this.devices.get(key);
    if (!device && !this.makeRoom(nowMs)) return undefined;
    device ??= new ForeignDevice(
      { site: id.site, device: id.device },
      this.hex(32),
      this.hex(16),
      this.options.announced(id) ?? {},
      this.room,
    );
    device.heardMs = nowMs;
    this.devices.delete(key);
    this.devices.set(key, device);
    return device;
  }

  private makeRoom(nowMs: number): boolean {
    if (this.devices.size < this.options.limits.maxDevices) return true;
    const [oldest] = this.devices;
    if (oldest === undefined || nowMs - oldest[1].heardMs < forgetMs || oldest[1].pending > 0) return false;
    oldest[1].forget();
    return this.devices.delete(oldest[0]);
  }

  private points(
    device: ForeignDevice,
    readings: readonly ForeignReading[],
    { retained, replayOf }: MessageOrigin,
    refused: RefusedCount,
  ): Point[] {
    const points: Point[] = [];
    for (const reading of readings) {
      const { sensor: name, value, quality, atReceipt } = reading;
      const fault = faultOf(reading, retained);
      if (fault !== undefined) {
        refused.add(fault, name);
        continue;
      }
      const sensor = device.sensor(reading, this.options.limits.maxSensors);
      if (typeof sensor === 'string') {
        refused.add(sensor, name);
        continue;
      }
      const moved = atReceipt && replayOf === undefined ? sensor.atReceipt(reading.timeUs) : reading.timeUs;
      const timeUs = sensor.unique(moved, this.messages);
      points.push({ sensor: name, timeUs, value, quality, form: 'raw' });
    }
    return points;
  }

  private pack(device: ForeignDevice, points: readonly Point[], numbers: ForeignNumbers): LogRecord {
    const { hash, units } = device.catalogue();
    const pack = { ...device.id, epoch: numbers.epoch, seq: numbers.next(), catalogue: hash, points };
    const coding = points.length < minPointsToDeflate ? 'identity' : 'zlib';
    return { key: deviceKey(device.id), value: encodePack(pack, units, coding) };
  }

  /** The catalogue and the birth, unless they are durable or ahead in the same lane. */
  private announce(device: ForeignDevice, { lane, type }: MessageOrigin): LogRecord[] {
    const { catalogue, hash } = device.catalogue();
    const { session, epoch, lastSeq, announced } = device;
    if (announced?.hash === hash && announced.session === session) return [];
    if (device.announcing?.hash !== hash || device.announcing.session !== session) {
      device.announcing = { hash, session, lanes: new Set() };
    }
    if (device.announcing.lanes.has(lane)) return [];
    device.announcing.lanes.add(lane);
    const timeUs = this.options.clock.nowUs();
    const state = { session, epoch, lastSeq, oldestHeld: lastSeq + 1, timeUs };
    const birth = { type: 'birth', ...state, catalogueHash: hash, catalogue, version: foreignVersion(type) };
    return [event(device.id, 'catalogue', catalogue, hash), event(device.id, 'birth', birth)];
  }

  private presence(device: ForeignDevice, { presence }: ForeignBatch, { replayOf }: MessageOrigin): LogRecord[] {
    if (presence !== 'offline' || replayOf !== undefined) return [];
    const { session } = device;
    // Whatever comes after it is a new life, and is announced.
    device.session = this.hex(16);
    return [event(device.id, 'offline', { type: 'offline', session })];
  }

  private hex(digits: number): string {
    return Array.from({ length: digits }, () => Math.floor(this.options.random() * 16).toString(16)).join('');
  }
}

/** By which the births of foreign devices are known, such as `foreign/line-protocol`. */
export function foreignVersion(type: string): string {
  return `foreign/${type}`;
}

/** Parts that fit into a pack each. */
function split(points: readonly Point[]): Point[][] {
  const parts: Point[][] = [];
  let bytes = Infinity;
  for (const point of points) {
    const size = typeof point.value === 'string' ? 3 * point.value.length : 0;
    if (bytes + size > maxPackTextBytes || parts.at(-1)!.length >= maxPackPoints) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)!.push(point);
    bytes += size;
  }
  return parts;
}

function event(device: DeviceId, kind: DeviceEventKind, value: object, id?: string): LogRecord {
  return { key: deviceEventKey(device, kind, id), value: Buffer.from(JSON.stringify(value)) };
}

function nothing(reason: RefusedReason, detail: string, readings: number): MadePacks {
  const refused = [{ reason, detail, readings }];
  return { events: [], packs: [], readings, refused, stored: () => undefined };
}
