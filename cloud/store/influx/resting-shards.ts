import { dayUs } from '#core/contract/time.js';
import type { Clock } from '#core/runtime/clock.js';

/** A shard that nothing was written to for so long may be at rest. */
const awakeMs = 60_000;
/** With so many days known, those that may be at rest again are forgotten. */
const maxDays = 1000;

/**
 * Writes twice where InfluxDB may forget the first time.
 *
 * Every ten seconds InfluxDB looks at each shard, and where the cache is empty it throws the cache away. What is written
 * between the look and the throw is acknowledged and in no answer, and with the next snapshot it leaves the WAL too. But
 * even a write that was forgotten counts as one, so InfluxDB lets the shard be from then on: a second write that comes
 * after the throw stays. Which shards are at rest nobody can ask, so a day that was not written to lately is taken for one.
 */
export class RestingShards {
  private readonly writtenMs = new Map<string, number>();

  /** `restMs`: how long InfluxDB takes at most to put one shard to rest, in milliseconds. */
  constructor(
    private readonly clock: Clock,
    private readonly restMs: number,
  ) {}

  /**
   * Calls `write` for stamps of these UTC days, and once more if one of the days may have been at rest. Resolves or
   * rejects as the last call does.
   */
  async guard<T>(bucket: string, days: ReadonlySet<number>, write: (isAgain: boolean) => Promise<T>): Promise<T> {
    const keys = [...days].map((day) => `${day} ${bucket}`);
    const mayRest = keys.some((key) => this.mayRest(key));
    let result = await write(false);
    if (mayRest) {
      await this.clock.sleep(this.restMs);
      result = await write(true);
    }
    this.note(keys);
    return result;
  }

  private mayRest(key: string): boolean {
    return this.clock.monotonicMs() - (this.writtenMs.get(key) ?? Number.NEGATIVE_INFINITY) >= awakeMs;
  }

  private note(keys: readonly string[]): void {
    const nowMs = this.clock.monotonicMs();
    for (const key of keys) this.writtenMs.set(key, nowMs);
    if (this.writtenMs.size <= maxDays) return;
    for (const key of this.writtenMs.keys()) if (this.mayRest(key)) this.writtenMs.delete(key);
  }
}

/** No shard of ours is shorter than a day, and all begin with one. */
export function dayOf(timeUs: number): number {
  return Math.floor(timeUs / dayUs);
}

/** The UTC days of the stamps in line protocol. */
export function daysOf(bodies: readonly string[]): Set<number> {
  const days = new Set<number>();
  for (const body of bodies) {
    for (const line of body.split('\n')) {
      if (line !== '') days.add(dayOf(Number(line.slice(line.lastIndexOf(' ') + 1))));
    }
  }
  return days;
}
