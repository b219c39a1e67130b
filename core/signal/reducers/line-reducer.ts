import type { Point, Reading } from '../../contract/reading.js';
import { SegmentReducer } from './segment-reducer.js';

/** A reducer whose points are joined by straight lines: where one line ends the next begins. */
export abstract class LineReducer extends SegmentReducer {
  protected readonly takesAnyValue = false;

  protected advance(reading: Reading): readonly Point[] {
    const points: Point[] = [];
    this.endHeld(points);
    // The first reading behind a point always lies on a line from it.
    if (!this.continueWith(reading)) points.push(this.beginWith(reading));
    return points;
  }
}
