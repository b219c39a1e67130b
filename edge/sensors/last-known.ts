import type { Quality, Reading, Value } from '#core/contract/reading.js';

/**
 * What each channel said last. A channel that was asked and gave no value ends visibly: its last known value once more,
 * with quality `bad`, and then nothing until it has a value again. So no number that nobody measured reaches a minimum, and
 * none is counted for as long as the channel is silent. Before its first value there is nothing to end.
 */
export class LastKnown {
  private readonly values = new Map<string, Value>();
  private readonly failed = new Set<string>();

  /** A reading that was measured. */
  reading(sensor: string, value: Value, timeUs: number, quality: Quality = 'good'): Reading {
    this.values.set(sensor, value);
    if (this.failed.size > 0) this.failed.delete(sensor);
    return { sensor, timeUs, value, quality };
  }

  /** The reading that says that a channel failed; undefined if that was said, or there never was a value. */
  bad(sensor: string, timeUs: number): Reading | undefined {
    const value = this.values.get(sensor);
    if (value === undefined || this.failed.has(sensor)) return undefined;
    this.failed.add(sensor);
    return { sensor, timeUs, value, quality: 'bad' };
  }

  has(sensor: string): boolean {
    return this.values.has(sensor);
  }
}
