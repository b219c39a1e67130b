import type { Alert } from '#core/contract/alert.js';
import type { Point, Reading } from '#core/contract/reading.js';
import { relativeTimeLimitSeconds } from '#core/contract/time.js';
import type { Pipeline } from '#core/signal/pipeline.js';
import { UniqueStamps } from './unique-stamps.js';

/** Why a reading never came as far as its pipeline. */
export type RefusalReason = 'not-finite' | 'text-too-long' | 'bad-time' | 'unknown-channel';

/** SenML takes a smaller time for one relative to now, and a double of seconds holds no microseconds of a greater one. */
const [minTimeUs, maxTimeUs] = [relativeTimeLimitSeconds * 1e6, 2 ** 33 * 1e6];
const maxTextLength = 4096;

/** One series on its way: what no pack could carry is refused, stamps are made unique, then the pipeline runs. */
export class Channel {
  /** Readings that the pipeline took and that are not `bad`, less those that its filters left out as far as counted. */
  useful = 0;

  constructor(
    readonly pipeline: Pipeline,
    private readonly stamps = new UniqueStamps(),
  ) {}

  /** Appends what the reading becomes; or says why it was refused. `unsynced`: its stamp is the uptime of a boot. */
  take(reading: Reading, points: Point[], alerts: Alert[], unsynced = false): RefusalReason | undefined {
    const { value, timeUs, quality } = reading;
    if (typeof value === 'number' && !Number.isFinite(value)) return 'not-finite';
    if (typeof value === 'string' && value.length > maxTextLength) return 'text-too-long';
    if (!Number.isSafeInteger(timeUs) || timeUs < minTimeUs || timeUs >= maxTimeUs) return 'bad-time';
    if (quality !== 'bad') this.useful += 1;
    const stampUs = this.stamps.take(timeUs);
    const stamped = stampUs === timeUs ? reading : { ...reading, timeUs: stampUs };
    if (unsynced) this.pipeline.pushUnreduced(stamped, points, alerts);
    else this.pipeline.push(stamped, points, alerts);
    return undefined;
  }
}
