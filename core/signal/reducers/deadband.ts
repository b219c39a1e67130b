import type { Point, Reading, Value } from '../../contract/reading.js';
import { SegmentReducer } from './segment-reducer.js';

/**
 * Report by exception: a reading is sent when it differs by more than the tolerance from the last one sent, whose value
 * holds until then; text and booleans when they differ at all. The error of what is held never exceeds the tolerance.
 * The heartbeat sends the newest reading when nothing else was sent for so long.
 */
export class Deadband extends SegmentReducer {
  protected readonly takesAnyValue = true;
  private sent: Value = 0;
  private newest: Value = 0;

  protected begin(_timeUs: number, value: Value): void {
    this.sent = this.newest = value;
  }

  protected take({ value }: Reading): boolean {
    const { sent } = this;
    const holds =
      typeof value === 'number' && typeof sent === 'number' ? Math.abs(value - sent) <= this.tolerance : value === sent;
    if (holds) this.newest = value;
    return holds;
  }

  protected endValue(): Value {
    return this.newest;
  }

  protected advance(reading: Reading): readonly Point[] {
    const points: Point[] = [];
    if (reading.timeUs - this.startUs > this.maxPieceUs) {
      this.endHeld(points);
      if (this.continueWith(reading)) return points;
    }
    this.forgetHeld();
    points.push(this.beginWith(reading));
    return points;
  }
}
