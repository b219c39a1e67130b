import { numericValue, type Point, type Reading } from '../../contract/reading.js';
import type { Reducer } from '../filter.js';
import { pointOf } from './pass-through.js';

const none: readonly Point[] = [];
const nothingDropped: ReadonlyMap<string, number> = new Map();

/**
 * At most one raw reading per interval: the first that comes when it has passed since the last one sent. The others are
 * left out, and counted as `reduced`: what is kept stands for itself only. Text, a change of quality, a reading that is
 * no plain measurement (`spike`, `bad`, …) and one from before the last always go out.
 */
export class MinInterval implements Reducer {
  private sentUs = -Infinity;
  private quality: Reading['quality'] | undefined;
  private reduced = 0;

  constructor(private readonly intervalUs: number) {
    if (!(intervalUs > 0)) throw new RangeError(`an interval of ${intervalUs} µs`);
  }

  push(reading: Reading): readonly Point[] {
    const sinceUs = reading.timeUs - this.sentUs;
    if (sinceUs >= 0 && sinceUs < this.intervalUs && this.isOrdinary(reading)) {
      this.reduced += 1;
      return none;
    }
    this.sentUs = reading.timeUs;
    this.quality = reading.quality;
    return [pointOf(reading, 'raw')];
  }

  flush(): readonly Point[] {
    return none;
  }

  takeDropped(): ReadonlyMap<string, number> {
    if (this.reduced === 0) return nothingDropped;
    const counts = new Map([['reduced', this.reduced]]);
    this.reduced = 0;
    return counts;
  }

  private isOrdinary({ quality, value }: Reading): boolean {
    if (quality !== this.quality || numericValue(value) === undefined) return false;
    return quality === 'good' || quality === 'uncertain' || quality === 'stuck' || quality === 'out-of-range';
  }
}
