import { logTopics } from '#core/contract/log-topics.js';
import type { EventLog, LogRecord } from '#core/log/log.js';
import type { Clock } from '#core/runtime/clock.js';
import { messageOf } from '#core/runtime/errors.js';
import type { Part } from '#core/runtime/lifecycle.js';
import type { Logger } from '#core/runtime/logger.js';
import type { PackMaker } from './pack-maker.js';

export interface ForeignHeartbeatsOptions {
  readonly log: EventLog;
  readonly maker: PackMaker;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly everyMs: number;
}

const maxRecords = 500;

/**
 * Says how many packs were made of each foreign device, so that a missing one is seen; only of those that made some
 * since the last time, so that a silent device is silent.
 */
export class ForeignHeartbeats implements Part {
  private ending = new AbortController();
  private running: Promise<void> | undefined;

  constructor(private readonly options: ForeignHeartbeatsOptions) {}

  start(): Promise<void> {
    if (this.running) return Promise.resolve();
    this.ending = new AbortController();
    this.running = this.run(this.ending.signal);
    return Promise.resolve();
  }

  /** To be called when nothing is on its way into the log any more: tells the last numbers. */
  async stop(deadlineMs: number): Promise<void> {
    if (!this.running) return;
    this.ending.abort();
    const over = new AbortController();
    const told = this.running.then(() => this.tell());
    await Promise.race([told, this.options.clock.sleep(deadlineMs, over.signal)]);
    over.abort();
    this.running = undefined;
  }

  private async run(ending: AbortSignal): Promise<void> {
    while (!ending.aborted) {
      await this.options.clock.sleep(this.options.everyMs, ending);
      if (!ending.aborted) await this.tell();
    }
  }

  /** Never rejects: what is not told now is told later, or by the highest number in the store. */
  private async tell(): Promise<void> {
    const { maker, log, logger } = this.options;
    const records: LogRecord[] = [];
    for (const device of maker.all()) {
      const record = maker.heartbeat(device);
      if (record) records.push(record);
    }
    try {
      while (records.length > 0) await log.append(logTopics.deviceEvents.name, records.splice(0, maxRecords));
    } catch (error) {
      logger.warn({ error: messageOf(error) }, 'heartbeats of foreign devices could not be told');
    }
  }
}
