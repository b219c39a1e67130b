import type { Point, Reading } from '../../contract/reading.js';
import { bucketStart } from '../../contract/time.js';
import type { Reducer } from '../filter.js';
import { isWindowWidth } from '../window-parts.js';
import { ClosedWindows } from './closed-windows.js';
import type { Percentile } from './percentile.js';
import { pointOf } from './pass-through.js';

const none: readonly Point[] = [];

/** Larger numbers could add up to infinity; they go out raw. */
const maxSummand = 1e290;

interface OpenWindow {
  readonly sensor: string;
  readonly startUs: number;
  readonly endUs: number;
  readonly first: number;
  sum: number;
  count: number;
  min: number;
  max: number;
  last: number;
  doubted: boolean;
}

/**
 * UTC-aligned windows of one series: mean, min, max, first, last and count, stamped at their start.
 *
 * Each reading goes out once: in a window, or raw when it can be in none:
 * - text, what is not a measurement (`bad`, `stuck`, `out-of-range`), and stamps not to be trusted (`clock-unsynced`);
 * - a late reading, whose window is closed: the same window sent twice would overwrite itself;
 * - readings up to the first boundary, and after a gap of more than a window up to the next one: whoever ran before may
 *   have sent the begun window. A sensor slower than its window therefore always sends raw.
 * A marked spike is counted in its window, and goes out a second time as `context`, which nobody counts.
 */
export class WindowReducer implements Reducer {
  private readonly closed = new ClosedWindows();
  private open: OpenWindow | undefined;
  /** NaN and not undefined: a number that may be undefined is allocated anew for each reading. */
  private previousUs = NaN;
  /** The start of the newest window that was found begun. */
  private begunUs = -Infinity;

  /** Throws RangeError for a width that {@link isWindowWidth} refuses. With `p95` each window has that as well. */
  constructor(
    private readonly widthUs: number,
    private readonly p95?: Percentile,
  ) {
    if (!isWindowWidth(widthUs)) throw new RangeError(`a window of ${widthUs} µs does not divide a minute or an hour`);
  }

  push(reading: Reading): readonly Point[] {
    if (!canBeInWindow(reading)) return [pointOf(reading, 'raw')];
    const value = Number(reading.value);
    const { timeUs } = reading;
    const previousUs = this.previousUs;
    this.previousUs = timeUs;
    const { open } = this;
    if (open && timeUs >= open.startUs && timeUs < open.endUs) return this.add(open, reading, value);
    if (open && timeUs < open.startUs && previousUs >= open.startUs) return [pointOf(reading, 'raw')];
    // Later, or before the window for the second time in a row: then the clock stepped back.
    if (!open) return this.begin(reading, value, previousUs);
    const ended = this.close(open);
    return [ended, ...this.begin(reading, value, previousUs)];
  }

  flush(nowUs: number): readonly Point[] {
    return this.open && nowUs >= this.open.endUs ? [this.close(this.open)] : none;
  }

  private begin(reading: Reading, value: number, previousUs: number): readonly Point[] {
    const startUs = bucketStart(reading.timeUs, this.widthUs);
    const sawStart = previousUs < startUs && previousUs >= startUs - this.widthUs;
    if (!sawStart || startUs === this.begunUs || this.closed.has(startUs)) {
      this.begunUs = Math.max(this.begunUs, startUs);
      return [pointOf(reading, 'raw')];
    }
    this.open = this.opened(reading.sensor, startUs, value);
    return this.add(this.open, reading, value);
  }

  private opened(sensor: string, startUs: number, value: number): OpenWindow {
    const endUs = startUs + this.widthUs;
    return {
      sensor,
      startUs,
      endUs,
      first: value,
      sum: 0,
      count: 0,
      min: value,
      max: value,
      last: value,
      doubted: false,
    };
  }

  private add(open: OpenWindow, reading: Reading, value: number): readonly Point[] {
    open.sum += value;
    open.count += 1;
    open.last = value;
    if (value < open.min) open.min = value;
    if (value > open.max) open.max = value;
    this.p95?.push(value);
    if (reading.quality === 'good') return none;
    open.doubted = true;
    return reading.quality === 'spike' ? [pointOf(reading, 'context')] : none;
  }

  private close(open: OpenWindow): Point {
    const { sensor, startUs: timeUs, count, min, max, first, last, sum, doubted } = open;
    this.open = undefined;
    this.closed.add(timeUs, open.endUs);
    // Rounding must not push the mean of equal readings outside their range.
    const value = Math.min(max, Math.max(min, sum / count));
    const parts = { spanUs: this.widthUs, count, min, max, first, last };
    const window = this.p95 ? { ...parts, p95: this.p95.take() } : parts;
    return { sensor, timeUs, value, quality: doubted ? 'uncertain' : 'good', form: 'window', window };
  }
}

function canBeInWindow({ value, quality }: Reading): boolean {
  if (quality !== 'good' && quality !== 'uncertain' && quality !== 'spike') return false;
  return typeof value === 'number' ? Math.abs(value) <= maxSummand : typeof value === 'boolean';
}
