import type { Clock } from '#core/runtime/clock.js';

/** A time at which something in a file was, and its place on our clocks. */
export interface TimelineOptions {
  readonly clock: Clock;
  /** Seconds of the file in a second of ours; `max`: as fast as it can be read. */
  readonly speed: number | 'max';
}

/** Puts the times of a file on ours: the first at once, the others as far behind it as the speed says. */
export class Timeline {
  private readonly startMs: number;
  private firstUs = NaN;
  private lastUs = -Infinity;
  private gapUs = NaN;
  /** Microseconds of the file that earlier rounds took. */
  private passedUs = 0;

  constructor(private readonly options: TimelineOptions) {
    this.startMs = options.clock.monotonicMs();
  }

  /** Milliseconds until a row of this time is due; zero or less: it is. */
  dueInMs(timeUs: number): number {
    const { clock, speed } = this.options;
    if (speed === 'max') return 0;
    if (Number.isNaN(this.firstUs)) this.firstUs = timeUs;
    const intoMs = (timeUs - this.firstUs + this.passedUs) / 1000 / speed;
    return this.startMs + intoMs - clock.monotonicMs();
  }

  /** When a row that is due would have been measured now, in microseconds since the Unix epoch. */
  nowUs(timeUs: number): number {
    return Math.round(this.options.clock.nowUs() + Math.min(0, this.dueInMs(timeUs)) * 1000);
  }

  /** Called with the time of each row handed over. */
  passed(timeUs: number): void {
    if (timeUs > this.lastUs) {
      if (Number.isFinite(this.lastUs)) this.gapUs = timeUs - this.lastUs;
      this.lastUs = timeUs;
    }
  }

  /** The file begins again, as far behind its last row as that was behind the one before. */
  again(): void {
    const oneSecondUs = 1_000_000;
    this.passedUs += this.lastUs - this.firstUs + (this.gapUs || oneSecondUs);
  }
}
