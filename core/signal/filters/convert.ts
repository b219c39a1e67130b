import type { Unit } from '../../contract/units.js';
import type { Reading } from '../../contract/reading.js';
import { DropCount } from '../drop-count.js';
import type { Filter } from '../filter.js';
import { unitConversion, type AnyUnit } from './unit-scales.js';

/** Turns readings of one unit into readings of another. Text and booleans pass unchanged. */
export class Convert implements Filter {
  private readonly convert: (value: number) => number;
  private readonly dropped = new DropCount();

  /** Throws RangeError if the units do not measure the same thing. */
  constructor(from: AnyUnit, to: Unit) {
    this.convert = unitConversion(from, to);
  }

  push(reading: Reading): readonly Reading[] {
    if (typeof reading.value !== 'number') return [reading];
    const value = this.convert(reading.value);
    if (Number.isFinite(value)) return [{ ...reading, value }];
    this.dropped.add('not-finite');
    return [];
  }

  takeDropped(): ReadonlyMap<string, number> {
    return this.dropped.take();
  }
}
