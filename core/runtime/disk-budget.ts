import { Gauge, type Registry } from 'prom-client';
import type { Clock } from './clock.js';
import { messageOf } from './errors.js';
import type { Part } from './lifecycle.js';
import type { Logger } from './logger.js';

/** Something that keeps data on this disk and can give the oldest of it up. */
export interface Shedder {
  readonly name: string;
  /** Bytes on disk now. */
  bytes(): Promise<number>;
  /** Gives up the oldest data that may go, about `wantedBytes` of it; resolves with what went. */
  shed(wantedBytes: number): Promise<{ bytes: number; readings: number }>;
}

export interface DiskBudgetOptions {
  readonly maxBytes: number;
  /** In the order in which they give data up. */
  readonly shedders: readonly Shedder[];
  /** Told `true` when nothing more can go and the budget is still exceeded: take nothing in until told `false`. */
  readonly onFull: (full: boolean) => void;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly everyMs?: number;
}

/**
 * Keeps a data directory under its byte budget. Over 90 % the shedders give up their oldest data, in their order, down
 * to 80 %; where that is not enough and the budget is reached, intake stops, so that devices keep their data in their outboxes.
 */
export class DiskBudget implements Part {
  private readonly stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();
  private usedBytes = 0;
  private full = false;

  constructor(private readonly options: DiskBudgetOptions) {
    const registers = [options.registry];
    const used = (): number => this.usedBytes;
    new Gauge({ name: 'fieldline_disk_budget_bytes', help: 'Byte budget of the data directory', registers }).set(
      options.maxBytes,
    );
    new Gauge({
      name: 'fieldline_disk_used_bytes',
      help: 'Bytes that count against the budget',
      registers,
      collect() {
        this.set(used());
      },
    });
  }

  status(): { usedBytes: number; maxBytes: number; full: boolean } {
    return { usedBytes: this.usedBytes, maxBytes: this.options.maxBytes, full: this.full };
  }

  start(): Promise<void> {
    this.running = this.run();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  /** Measures, sheds and decides once. */
  async check(): Promise<void> {
    const { maxBytes, shedders } = this.options;
    this.usedBytes = await total(shedders);
    if (this.usedBytes > maxBytes * 0.9) {
      for (const shedder of shedders) {
        const excess = this.usedBytes - maxBytes * 0.8;
        if (excess <= 0) break;
        const went = await shedder.shed(excess);
        if (went.bytes > 0 || went.readings > 0)
          this.options.logger.warn({ from: shedder.name, ...went }, 'gave up oldest data for the disk budget');
        this.usedBytes = await total(shedders);
      }
    }
    this.setFull(this.usedBytes >= maxBytes);
  }

  private setFull(full: boolean): void {
    if (full === this.full) return;
    this.full = full;
    const { logger, maxBytes, onFull } = this.options;
    if (full)
      logger.error(
        { usedBytes: this.usedBytes, maxBytes },
        'disk budget used up: intake stops, devices keep their data; raise storage.maxBytes',
      );
    else logger.info({ usedBytes: this.usedBytes, maxBytes }, 'disk budget has room again: intake goes on');
    onFull(full);
  }

  private async run(): Promise<void> {
    const { clock, everyMs = 5000, logger } = this.options;
    while (!this.stopping.signal.aborted) {
      await this.check().catch((error: unknown) =>
        logger.warn({ error: messageOf(error) }, 'could not measure the disk budget'),
      );
      await clock.sleep(everyMs, this.stopping.signal);
    }
  }
}

async function total(shedders: readonly Shedder[]): Promise<number> {
  const sizes = await Promise.all(shedders.map((shedder) => shedder.bytes()));
  return sizes.reduce((sum, bytes) => sum + bytes, 0);
}
