import { systemClock, type Clock } from '#core/runtime/clock.js';
import { createLogger, silentLogger, type Logger } from '#core/runtime/logger.js';
import { InfluxStore, type InfluxStoreOptions } from '../../../cloud/store/influx-store.js';
import { defaultBuckets, type BucketNames } from '../../../cloud/store/influx/buckets.js';
import type { Influxdb } from '../../servers/influxdb.js';

let sets = 0;

/** Buckets that no other test of this process uses, so that many stores share one server. */
export function ownBuckets(): BucketNames {
  const number = (sets += 1);
  const of = (name: string) => `${name}_${number}`;
  const { realtime, alerts, state, ...tiers } = defaultBuckets;
  const own = { realtime: of(realtime), alerts: of(alerts), state: of(state) };
  return { ...own, '1m': of(tiers['1m']), '1h': of(tiers['1h']), '1d': of(tiers['1d']) };
}

/** A store on the server, not yet started. */
export function influxStoreOn(
  influxdb: Influxdb,
  options: Partial<InfluxStoreOptions> & Pick<InfluxStoreOptions, 'retention'>,
): InfluxStore {
  const { url, org, token } = influxdb;
  // A server of a few small shards is quick to put one to rest, and almost every test has days of its own.
  const defaults = { clock: systemClock, logger: silentLogger, shardRestMs: 10 };
  return new InfluxStore({ url, org, token, ...defaults, ...options });
}

/** A logger whose warnings and errors can be looked at. */
export function recordingLogger(): { logger: Logger; messages: () => Record<string, unknown>[] } {
  const lines: string[] = [];
  const logger = createLogger({ level: 'warn', destination: { write: (line) => void lines.push(line) } });
  return { logger, messages: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

/** The system's clock, set by so many microseconds; it can be set while it runs. */
export class ShiftedClock implements Clock {
  constructor(public shiftUs: number) {}

  nowUs(): number {
    return systemClock.nowUs() + this.shiftUs;
  }

  monotonicMs(): number {
    return systemClock.monotonicMs();
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return systemClock.sleep(ms, signal);
  }
}
