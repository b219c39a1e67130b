import type { Point, Reading } from '../../contract/reading.js';
import type { Reducer } from '../filter.js';

const none: readonly Point[] = [];

/** Every reading becomes a raw point. */
export class PassThrough implements Reducer {
  push(reading: Reading): readonly Point[] {
    return [pointOf(reading, 'raw')];
  }

  flush(): readonly Point[] {
    return none;
  }
}

/** A reading as a point that stands for itself. */
export function pointOf(reading: Reading, form: 'raw' | 'context'): Point {
  return { sensor: reading.sensor, timeUs: reading.timeUs, value: reading.value, quality: reading.quality, form };
}
