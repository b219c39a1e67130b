import type { Reading } from '#core/contract/reading.js';
import type { Clock } from '#core/runtime/clock.js';
import { messageOf } from '#core/runtime/errors.js';

export interface BusChannel {
  readonly bus: string;
  /** Whether each read keeps a thread for long: of such buses few are read at once. */
  readonly isSlow: boolean;
  readonly read: () => Promise<Reading>;
  /** Called when a read has rejected; gives the reading that stands for the failure, if there is one. */
  readonly failed: (error: unknown) => Reading | undefined;
}

/** What has come since the last time. */
export interface RoundResult {
  readonly readings: Reading[];
  /** Channels that were read, and of them those that failed. */
  readonly tried: number;
  readonly failed: number;
  readonly lastError: string | undefined;
}

/** Of the four threads that a process has for files, two are left for the outbox. */
const slowAtOnce = 2;

/**
 * Reads the channels of each bus one after the other, and the buses side by side. A round that takes longer than one is
 * willing to wait goes on, and its readings come with a later result; until it is over its bus is left alone. So a bus
 * that hangs costs one thread, and delays nobody.
 */
export class BusRounds {
  private readonly running = new Map<string, { sinceMs: number; done: Promise<void> }>();
  private result = freshResult();
  private slowInWork = 0;
  private readonly slowWaiting: (() => void)[] = [];

  constructor(private readonly clock: Clock) {}

  /** Begins a round on each bus that has none, and waits for all, at most `waitMs`. It never rejects. */
  async round(channels: readonly BusChannel[], waitMs: number): Promise<RoundResult> {
    for (const [bus, those] of byBus(channels)) {
      if (this.running.has(bus)) continue;
      this.running.set(bus, { sinceMs: this.clock.monotonicMs(), done: this.readInTurn(bus, those) });
    }
    const waited = new AbortController();
    const all = Promise.all([...this.running.values()].map(({ done }) => done));
    await Promise.race([all, this.clock.sleep(waitMs, waited.signal)]);
    waited.abort();
    const { result } = this;
    this.result = freshResult();
    return result;
  }

  /** The bus whose round has been going on for longest, and for how many milliseconds. */
  slowest(): { bus: string; forMs: number } | undefined {
    const nowMs = this.clock.monotonicMs();
    const rounds = [...this.running].map(([bus, { sinceMs }]) => ({ bus, forMs: nowMs - sinceMs }));
    return rounds.sort((a, b) => b.forMs - a.forMs)[0];
  }

  private async readInTurn(bus: string, channels: readonly BusChannel[]): Promise<void> {
    const isSlow = channels.some((channel) => channel.isSlow);
    if (isSlow && this.slowInWork >= slowAtOnce) await new Promise<void>((resolve) => this.slowWaiting.push(resolve));
    else if (isSlow) this.slowInWork += 1;
    await this.readBus(channels);
    this.running.delete(bus);
    if (!isSlow) return;
    // The turn passes from one to the next.
    const next = this.slowWaiting.shift();
    if (next) next();
    else this.slowInWork -= 1;
  }

  private async readBus(channels: readonly BusChannel[]): Promise<void> {
    for (const channel of channels) {
      try {
        const reading = await channel.read();
        this.result.readings.push(reading);
      } catch (error) {
        const reading = channel.failed(error);
        if (reading) this.result.readings.push(reading);
        this.result.failed += 1;
        this.result.lastError = messageOf(error);
      }
      this.result.tried += 1;
    }
  }
}

function freshResult() {
  return { readings: [] as Reading[], tried: 0, failed: 0, lastError: undefined as string | undefined };
}

function byBus(channels: readonly BusChannel[]): Map<string, BusChannel[]> {
  const buses = new Map<string, BusChannel[]>();
  for (const channel of channels) buses.set(channel.bus, [...(buses.get(channel.bus) ?? []), channel]);
  return buses;
}
