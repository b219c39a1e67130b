import type { Quality, Reading, Value } from '#core/contract/reading.js';

/**
 * What each channel said last. A channel that was asked and gave no value has its last known one with quality `bad`: so the
 * failure is seen in the series, and no number that nobody measured reaches a minimum or a mean. It has none before its
 * first value.
 */
export class LastKnown {
  private readonly values = new Map<string, Value>();

  /** A reading that was measured. */
  reading(sensor: string, value: Value, timeUs: number, quality: Quality = 'good'): Reading {
    this.values.set(sensor, value);
    return { sensor, timeUs, value, quality };
  }

  /** The reading of a channel that failed, or undefined. */
  bad(sensor: string, timeUs: number): Reading | undefined {
    const value = this.values.get(sensor);
    return value === undefined ? undefined : { sensor, timeUs, value, quality: 'bad' };
  }

  has(sensor: string): boolean {
    return this.values.has(sensor);
  }
}
