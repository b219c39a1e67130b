import { minuteUs } from '#core/contract/time.js';
import type { Clock } from '#core/runtime/clock.js';
import { messageOf, RetryableError } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';
import { everySeries, type DirtyMarks } from './dirty-marks.js';
import { quoted } from './flux.js';
import type { Seal } from './seal.js';
import { stateTimeUs, type StateStore } from './state-store.js';
import { linePrefix } from './tag-set.js';
import type { Tasks } from './tasks.js';
import { rollupTiers, type TierSpec } from './tiers.js';

export interface TaskWatchOptions {
  readonly tasks: Tasks;
  /** The task of each tier, in their order. */
  readonly taskIds: readonly string[];
  readonly state: StateStore;
  readonly marks: DirtyMarks;
  readonly seal: Seal;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly writer: string;
}

const checkEveryUs = minuteUs;
/** A task that has not succeeded for so long after its turn is given up: the store computes its buckets. */
const patienceUs = 10 * minuteUs;

/**
 * Knows up to when each tier is covered by successful runs of its task. Where a run was missed because InfluxDB was
 * away, or a task fails, the buckets that no run will compute any more are marked dirty for all series.
 */
export class TaskWatch {
  private coveredUs: number[] = [];
  private checkedUs = Number.NEGATIVE_INFINITY;

  constructor(private readonly options: TaskWatchOptions) {}

  async load(): Promise<void> {
    const { state, clock, writer } = this.options;
    const rows = await state.load(
      'covered',
      (row) => ({ tier: Number(row.get('tier')), untilUs: Number(row.get('untilUs')) }),
      `r.writer == ${quoted(writer)}`,
    );
    // What was written before the first start is not ours to roll up.
    this.coveredUs = rollupTiers.map(() => clock.nowUs());
    for (const { tier, untilUs } of rows) this.coveredUs[tier] = untilUs;
    await this.save();
  }

  /** Marks what the tasks have missed; asks InfluxDB once a minute at most. */
  async check(): Promise<void> {
    const nowUs = this.options.clock.nowUs();
    if (nowUs < this.checkedUs + checkEveryUs && nowUs >= this.checkedUs) return;
    const covered = await Promise.all(rollupTiers.map((tier) => this.advance(tier, nowUs)));
    if (covered.every((untilUs, i) => untilUs === this.coveredUs[i])) return void (this.checkedUs = nowUs);
    // The marks become durable before the watermark moves over them.
    await this.options.marks.save();
    this.coveredUs = covered;
    await this.save();
    this.checkedUs = nowUs;
  }

  private async advance(tier: TierSpec, nowUs: number): Promise<number> {
    const { everyUs, offsetUs, coversFrom } = tier.task;
    let untilUs = this.coveredUs[tier.index]!;
    for (const scheduledUs of await this.runsAfter(tier, untilUs)) {
      if (coversFrom(scheduledUs) > untilUs) this.markMissed(tier, untilUs, coversFrom(scheduledUs));
      untilUs = Math.max(untilUs, scheduledUs);
    }
    const overdueUs = nowUs - everyUs - offsetUs - patienceUs;
    if (untilUs >= overdueUs) return untilUs;
    this.markMissed(tier, untilUs, overdueUs);
    return overdueUs;
  }

  private async runsAfter(tier: TierSpec, afterUs: number): Promise<number[]> {
    const { tasks, taskIds, logger } = this.options;
    try {
      return await tasks.successfulRuns(taskIds[tier.index]!, afterUs);
    } catch (error) {
      if (error instanceof RetryableError) throw error;
      logger.error({ tier: tier.name, reason: messageOf(error) }, 'InfluxDB: cannot see the runs of a task');
      return [];
    }
  }

  private markMissed(tier: TierSpec, fromUs: number, toUs: number): void {
    const { marks, logger, seal } = this.options;
    logger.warn({ tier: tier.name, fromUs, toUs }, 'InfluxDB: a task left a gap, which the store computes');
    const firstUs = Math.max(fromUs, seal.beforeUs);
    for (let bucketUs = Math.floor(firstUs / tier.widthUs) * tier.widthUs; bucketUs < toUs; bucketUs += tier.widthUs) {
      marks.add(tier, everySeries, bucketUs);
    }
  }

  private async save(): Promise<void> {
    const { state, writer } = this.options;
    const lines = rollupTiers.map(({ index }) => {
      const prefix = linePrefix('covered', { writer, tier: String(index) });
      return `${prefix}untilUs=${Math.round(this.coveredUs[index]!)}i ${stateTimeUs}`;
    });
    await state.save(lines);
  }
}
