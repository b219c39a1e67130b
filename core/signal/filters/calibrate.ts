import type { Reading } from '../../contract/reading.js';
import { DropCount } from '../drop-count.js';
import type { Filter } from '../filter.js';
import { marked } from './marking.js';
import { tidyNumber } from './tidy-number.js';

/** A pair [measured, true] of a calibration table. */
export type CalibrationPair = readonly [measured: number, true: number];

export interface CalibrateOptions {
  /** Pairs between which it is interpolated linearly; beyond its ends the quality is `out-of-range`. */
  readonly table?: readonly CalibrationPair[];
  /** Coefficients of 1, x, x², …, applied after the table. */
  readonly polynomial?: readonly number[];
  /** Applied after those, before `offset`. Default 1. */
  readonly scale?: number;
  /** Default 0. */
  readonly offset?: number;
}

/**
 * Makes true values of measured ones: table, polynomial, scale, offset, in that order. Text and booleans pass unchanged.
 * What becomes infinite is left out as `not-finite`.
 */
export class Calibrate implements Filter {
  private readonly table: readonly CalibrationPair[];
  private readonly polynomial: readonly number[] | undefined;
  private readonly scale: number;
  private readonly offset: number;
  private readonly dropped = new DropCount();

  /** Throws RangeError for a table that measures one value twice, or has one pair only. */
  constructor({ table = [], polynomial, scale = 1, offset = 0 }: CalibrateOptions) {
    this.table = [...table].sort(([a], [b]) => a - b);
    if (this.table.length === 1) throw new RangeError('a calibration table needs two pairs or more');
    if (this.table.some(([measured], i) => i > 0 && measured === this.table[i - 1]![0])) {
      throw new RangeError('a calibration table has one measured value twice');
    }
    this.polynomial = polynomial && polynomial.length > 0 ? polynomial : undefined;
    this.scale = scale;
    this.offset = offset;
  }

  push(reading: Reading): readonly Reading[] {
    if (typeof reading.value !== 'number') return [reading];
    const scaled = this.polynomialOf(this.lookUp(reading.value)) * this.scale;
    const value = tidyNumber(scaled + this.offset, Math.abs(this.offset));
    if (!Number.isFinite(value)) {
      this.dropped.add('not-finite');
      return [];
    }
    const calibrated = { ...reading, value };
    return [this.isBeyond(reading.value) ? marked(calibrated, 'out-of-range') : calibrated];
  }

  takeDropped(): ReadonlyMap<string, number> {
    return this.dropped.take();
  }

  private isBeyond(measured: number): boolean {
    const { table } = this;
    return table.length > 0 && (measured < table[0]![0] || measured > table.at(-1)![0]);
  }

  /** Beyond its ends the table holds its first and last value. */
  private lookUp(measured: number): number {
    const { table } = this;
    if (table.length === 0) return measured;
    let [low, high] = [0, table.length - 1];
    if (measured <= table[low]![0]) return table[low]![1];
    if (measured >= table[high]![0]) return table[high]![1];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (table[middle]![0] <= measured) low = middle;
      else high = middle;
    }
    const [[x0, y0], [x1, y1]] = [table[low]!, table[high]!];
    return y0 + (y1 - y0) * ((measured - x0) / (x1 - x0));
  }

  private polynomialOf(x: number): number {
    const { polynomial } = this;
    if (!polynomial) return x;
    let sum = 0;
    for (let i = polynomial.length - 1; i >= 0; i -= 1) sum = sum * x + polynomial[i]!;
    return sum;
  }
}
