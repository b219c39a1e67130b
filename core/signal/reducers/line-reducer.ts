import type { Point, Reading, Value } from '../../contract/reading.js';
import { SegmentReducer } from './segment-reducer.js';

/** A reducer whose points are joined by straight lines: where one line ends the next begins. */
export abstract class LineReducer extends SegmentReducer {
  protected readonly takesAnyValue = false;

  protected abstract override take(timeUs: number, value: number): boolean;

  protected advance(reading: Reading, value: Value): readonly Point[] {
    const points: Point[] = [];
    this.endHeld(points);
    const { timeUs } = reading;
    // The first reading behind a point always lies on a line from it.
    if (timeUs - this.startUs <= this.maxPieceUs && this.take(timeUs, value as number)) this.hold(timeUs);
    else points.push(this.beginWith(reading, value));
    return points;
  }
}
