import type { Alert } from '../contract/alert.js';
import type { Point, Reading } from '../contract/reading.js';

/**
 * A pure step of one series: readings in, readings out, in order. No clock, no I/O; time is in the reading.
 * One at a time and many at a time give the same result. What it leaves out it counts under a reason.
 */
export interface Filter {
  push(reading: Reading): readonly Reading[];
  /** Reason to number of readings left out since the last call. */
  takeDropped(): ReadonlyMap<string, number>;
  /** The clock was set by so many microseconds: times that it remembers move along, for no less or more time has passed. */
  shift?(byUs: number): void;
}

/** Watches one series and tells when its state changes. It never changes a reading. */
export interface Detector {
  push(reading: Reading): Alert | undefined;
  /** As of a filter. */
  shift?(byUs: number): void;
}

/** The last step of one series: readings become points of a form. */
export interface Reducer {
  push(reading: Reading): readonly Point[];
  /** Ends what is open, because the stream ends or the wall clock has passed its end. */
  flush(nowUs: number): readonly Point[];
  /** Reason to number of readings since the last call that no point counts for: `reduced` where others stand for them. */
  takeDropped?(): ReadonlyMap<string, number>;
}
