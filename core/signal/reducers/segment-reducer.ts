import type { Point, Quality, Reading, Value } from '../../contract/reading.js';
import type { Reducer } from '../filter.js';
import { ClosedWindows } from './closed-windows.js';
import { SmallestStep } from './smallest-step.js';

export const noPoints: readonly Point[] = [];
const nothingDropped: ReadonlyMap<string, number> = new Map();

/** Larger numbers could differ by more than a double holds; they stand for themselves. */
const maxMagnitude = 1e250;

export interface SegmentOptions {
  /** The greatest error of what is read between two points, in the sensor's unit; above 0. */
  readonly tolerance: number;
  /** The longest gap, in microseconds, across which a reader interpolates. Infinity: every gap. */
  readonly maxGapUs: number;
  /** A point at least this often, in microseconds, while there are readings. Default and at most `maxGapUs`. */
  readonly heartbeatUs?: number;
  /** Called once, if the tolerance turns out to be below the sensor's smallest step. */
  readonly onFineTolerance?: (smallestStep: number) => void;
}

/**
 * What the reducers of form `segment` share: where a piece must end, and that each reading is counted once.
 *
 * All points are `segment`, and the line (or level) between two of them stands for the readings between. A piece ends,
 * and the next begins with a reading of its own, at a gap, at a change of quality, and where time jumps back. What no
 * line may pass stands alone as a point of its own quality: `bad`, `spike`, `clock-unsynced`, text and, but for a
 * deadband, booleans. A reader interpolates between two points if both are numbers, `good` or `uncertain`, and no further
 * apart than the maximum gap; so it never passes over a reading that was bad.
 *
 * A late reading, from a time for which points have been handed out, would bend a line that is already drawn: it goes out
 * `raw`, beside the segments. What is no finite number goes nowhere and is counted as `not-finite`.
 *
 * Readings that a line stands for are counted as `reduced`; the newest one is held until the next.
 */
export abstract class SegmentReducer implements Reducer {
  protected readonly tolerance: number;
  protected readonly maxPieceUs: number;
  private readonly maxGapUs: number;
  private readonly handedOut = new ClosedWindows();
  private step: SmallestStep | undefined;
  private reduced = 0;
  private notFinite = 0;

  /** The open piece: where it begins, and its newest reading, which is held unless it has gone out. */
  private isOpen = false;
  private sensor = '';
  private quality: Quality = 'good';
  protected startUs = 0;
  protected lastUs = 0;
  private isHeld = false;

  constructor({ tolerance, maxGapUs, heartbeatUs = maxGapUs, onFineTolerance }: SegmentOptions) {
    if (!(tolerance > 0 && tolerance < Infinity)) throw new RangeError(`a tolerance of ${tolerance}`);
    if (!(maxGapUs > 0 && heartbeatUs > 0)) throw new RangeError('a gap or heartbeat that is not above 0');
    this.tolerance = tolerance;
    this.maxGapUs = maxGapUs;
    this.maxPieceUs = Math.min(maxGapUs, heartbeatUs);
    this.step = onFineTolerance && new SmallestStep(tolerance, onFineTolerance);
  }

  push(reading: Reading): readonly Point[] {
    const { timeUs, quality } = reading;
    if (this.isLate(timeUs)) return this.late(reading);
    if (!this.isReducible(reading)) return this.standAlone(reading);
    if (this.step && !this.step.note(reading)) this.step = undefined;
    const { lastUs } = this;
    if (!this.isOpen || quality !== this.quality || timeUs <= lastUs || timeUs - lastUs > this.maxGapUs) {
      return this.restart(reading);
    }
    // Time has jumped back, and now past where points have been handed out.
    if (this.handedOut.crosses(lastUs, timeUs)) return this.restart(reading);
    if (timeUs - this.startUs > this.maxPieceUs || !this.take(reading)) return this.advance(reading);
    if (this.isHeld) this.reduced += 1;
    this.lastUs = timeUs;
    this.isHeld = true;
    return noPoints;
  }

  /** Ends a piece that no reading of now could lengthen; Infinity ends any. */
  flush(nowUs: number): readonly Point[] {
    if (!this.isHeld) return noPoints;
    return nowUs === Infinity || nowUs > this.startUs + this.maxPieceUs ? [this.endPiece()] : noPoints;
  }

  takeDropped(): ReadonlyMap<string, number> {
    const { reduced, notFinite } = this;
    if (reduced + notFinite === 0) return nothingDropped;
    this.reduced = this.notFinite = 0;
    const counts = new Map<string, number>();
    if (reduced > 0) counts.set('reduced', reduced);
    if (notFinite > 0) counts.set('not-finite', notFinite);
    return counts;
  }

  /** Whether text and booleans can be part of a piece. */
  protected abstract readonly takesAnyValue: boolean;
  /** Begins a piece at a point that has gone out. */
  protected abstract begin(timeUs: number, value: Value): void;
  /** Takes the next reading into the piece; false if the piece must end before it. */
  protected abstract take(reading: Reading): boolean;
  /** What is sent for the newest reading of the piece. */
  protected abstract endValue(): Value;
  /** The piece cannot hold this reading, which directly follows it. */
  protected abstract advance(reading: Reading): readonly Point[];

  /** Sends the newest reading of the piece if it is held, and lets the next piece begin there. */
  protected endHeld(points: Point[]): void {
    if (this.isHeld) points.push(this.endPiece());
  }

  /** Sends the reading, and begins a piece with it. */
  protected beginWith(reading: Reading): Point {
    this.handOut(this.isOpen ? this.lastUs : reading.timeUs, reading.timeUs);
    this.isOpen = true;
    this.sensor = reading.sensor;
    this.quality = reading.quality;
    this.startUs = this.lastUs = reading.timeUs;
    this.begin(reading.timeUs, reading.value);
    return segmentOf(reading);
  }

  /** Takes the reading into a piece that has just begun; false if the piece cannot hold it. */
  protected continueWith(reading: Reading): boolean {
    if (reading.timeUs - this.startUs > this.maxPieceUs || !this.take(reading)) return false;
    this.lastUs = reading.timeUs;
    this.isHeld = true;
    return true;
  }

  /** The held reading is spoken for by the points around it. */
  protected forgetHeld(): void {
    if (this.isHeld) this.reduced += 1;
    this.isHeld = false;
  }

  private endPiece(): Point {
    const { sensor, lastUs: timeUs, quality } = this;
    const value = this.endValue();
    this.handOut(this.startUs, timeUs);
    this.isHeld = false;
    this.startUs = timeUs;
    this.begin(timeUs, value);
    return { sensor, timeUs, value, quality, form: 'segment' };
  }

  private restart(reading: Reading): readonly Point[] {
    if (!this.isHeld) {
      this.isOpen = false;
      return [this.beginWith(reading)];
    }
    const end = this.endPiece();
    this.isOpen = false;
    return [end, this.beginWith(reading)];
  }

  /** Whether it can be part of a piece. */
  private isReducible({ value, quality }: Reading): boolean {
    if (quality === 'bad' || quality === 'spike' || quality === 'clock-unsynced') return false;
    return typeof value === 'number' ? Math.abs(value) <= maxMagnitude : this.takesAnyValue;
  }

  private standAlone(reading: Reading): readonly Point[] {
    const points: Point[] = [];
    this.endHeld(points);
    this.isOpen = false;
    if (typeof reading.value === 'number' && !Number.isFinite(reading.value)) {
      this.notFinite += 1;
      return points;
    }
    this.handOut(reading.timeUs, reading.timeUs);
    points.push(segmentOf(reading));
    return points;
  }

  private isLate(timeUs: number): boolean {
    if (this.isOpen && timeUs <= this.lastUs && timeUs >= this.startUs) return true;
    return this.handedOut.has(timeUs);
  }

  private late(reading: Reading): readonly Point[] {
    if (typeof reading.value === 'number' && !Number.isFinite(reading.value)) {
      this.notFinite += 1;
      return noPoints;
    }
    return [{ ...reading, form: 'raw' }];
  }

  private handOut(fromUs: number, untilUs: number): void {
    this.handedOut.add(fromUs, untilUs, this.maxGapUs);
  }
}

function segmentOf({ sensor, timeUs, value, quality }: Reading): Point {
  return { sensor, timeUs, value, quality, form: 'segment' };
}
