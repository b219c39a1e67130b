import cron, { type ScheduledTask } from 'node-cron';
import { hourUs } from '#core/contract/time.js';
import type { Clock } from '#core/runtime/clock.js';
import { messageOf } from '#core/runtime/errors.js';
import type { Part } from '#core/runtime/lifecycle.js';
import type { Logger } from '#core/runtime/logger.js';
import type { HourlyReport } from './hourly-report.js';
import { writeHourlyReport } from './write-report.js';

export interface ReportScheduleOptions {
  /** Five cron fields, in UTC. */
  readonly cron: string;
  readonly hours: number;
  readonly directory: string;
  /** Reads the report of whole hours. */
  readonly fetch: (range: { fromUs: number; toUs: number }, createdUs: number) => Promise<HourlyReport>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Makes the hourly report by the clock, of the whole hours that have passed. */
export class ReportSchedule implements Part {
  private task: ScheduledTask | undefined;
  private running: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: ReportScheduleOptions) {}

  start(): Promise<void> {
    const once = () => {
      this.running = this.run().catch((error: unknown) =>
        this.options.logger.error({ error: messageOf(error) }, 'the hourly report failed'),
      );
      return this.running;
    };
    this.task ??= cron.schedule(this.options.cron, once, { timezone: 'Etc/UTC', noOverlap: true });
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    await this.task?.destroy();
    this.task = undefined;
    await this.running;
  }

  /** Makes one report now; resolves with the files. */
  async run(): Promise<string[]> {
    const { clock, directory, fetch, hours, logger } = this.options;
    const nowUs = clock.nowUs();
    const toUs = Math.floor(nowUs / hourUs) * hourUs;
    const report = await fetch({ fromUs: toUs - hours * hourUs, toUs }, nowUs);
    const files = await writeHourlyReport(directory, report);
    logger.info({ files, sensorHours: report.rows.length }, 'hourly report written');
    return files;
  }
}
