import type { HostSource, HostTree } from './source.js';
import { sample } from './source.js';

/** The rate of a counter that only grows, until it wraps or is reset. */
export class CounterRate {
  private last: { count: number; atMs: number } | undefined;

  /**
   * Units per second since the previous call. `atMs` is monotonic. Undefined the first time, without time between, and
   * when the counter went back: nobody knows how far it had come.
   */
  next(count: number, atMs: number): number | undefined {
    const { last } = this;
    if (!Number.isFinite(count)) return undefined;
    this.last = { count, atMs };
    if (!last || count < last.count || atMs <= last.atMs) return undefined;
    return ((count - last.count) * 1000) / (atMs - last.atMs);
  }
}

/**
 * A source whose channels are the rates of counters. `counts` reads them all, by channel name. The counters are read
 * once at once, so that the first reading has a rate.
 */
export async function rateSource(
  host: HostTree,
  channels: HostSource['channels'],
  counts: () => Promise<ReadonlyMap<string, number>>,
): Promise<HostSource> {
  const rates = Object.keys(channels).map((name) => ({ name, rate: new CounterRate() }));
  const read = async () => {
    const found = await counts();
    const [timeUs, atMs] = [host.clock.nowUs(), host.clock.monotonicMs()];
    return rates.flatMap(({ name, rate }) => {
      const value = rate.next(found.get(name) ?? NaN, atMs);
      return value === undefined ? [] : [sample(name, value, timeUs)];
    });
  };
  await read();
  return { channels, read };
}
