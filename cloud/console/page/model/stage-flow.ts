import type { PipelineView } from '../api/types.js';

type StageCounts = PipelineView['stages'][number];

/** A stage of the path with its flow: readings a second over the last reports. */
export interface StageFlow extends StageCounts {
  readonly inPerSecond: number | null;
  /** Readings that are neither out, nor dropped with a reason, nor in flight: always 0, or something is wrong. */
  readonly unaccounted: number;
}

/** Turns the pipeline's running totals into rates over a sliding window of about `windowMs`. */
export class StageRates {
  private readonly reports: PipelineView[] = [];

  constructor(private readonly windowMs = 5000) {}

  add(report: PipelineView): StageFlow[] {
    // A restarted server counts from zero again.
    if (this.reports.length > 0 && report.uptimeMs < this.reports.at(-1)!.uptimeMs) this.reports.length = 0;
    this.reports.push(report);
    while (this.reports.length > 2 && report.timeUs - this.reports[1]!.timeUs >= this.windowMs * 1000)
      this.reports.shift();
    return report.stages.map((stage) => ({ ...stage, ...this.flow(stage, report) }));
  }

  private flow(stage: StageCounts, report: PipelineView): Pick<StageFlow, 'inPerSecond' | 'unaccounted'> {
    const first = this.reports[0]!;
    const before = first.stages.find((other) => other.stage === stage.stage);
    const seconds = (report.timeUs - first.timeUs) / 1e6;
    return {
      inPerSecond: before && seconds > 0.2 ? Math.max(0, stage.in - before.in) / seconds : null,
      unaccounted: stage.in - stage.out - stage.dropped - stage.inFlight,
    };
  }
}
