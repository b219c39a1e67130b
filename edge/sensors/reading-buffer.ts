import type { Reading } from '#core/contract/reading.js';

/** Readings of a source that speaks by itself, until the next `read`. When it is full the oldest gives way, and is counted. */
export class ReadingBuffer {
  private readings: Reading[] = [];
  /** Readings before this index have given way. */
  private head = 0;
  private dropped = new Map<string, number>();

  constructor(private readonly maxReadings: number) {}

  get size(): number {
    return this.readings.length - this.head;
  }

  push(reading: Reading): void {
    this.readings.push(reading);
    if (this.size <= this.maxReadings) return;
    this.head += 1;
    this.drop('buffer-full');
    if (this.head < this.maxReadings) return;
    this.readings = this.readings.slice(this.head);
    this.head = 0;
  }

  /** Counts what was measured and never came into the buffer. */
  drop(reason: string, readings = 1): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + readings);
  }

  /** All that it holds, in order; it is empty then. */
  take(): Reading[] {
    const taken = this.head === 0 ? this.readings : this.readings.slice(this.head);
    this.readings = [];
    this.head = 0;
    return taken;
  }

  /** See `Sensor.takeDropped`. */
  takeDropped(): ReadonlyMap<string, number> {
    const dropped = this.dropped;
    if (dropped.size > 0) this.dropped = new Map();
    return dropped;
  }
}
