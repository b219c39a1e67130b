import type { Reading } from '../../../core/contract/reading.js';
import type { Sensor } from '../../../edge/sensors/sensor.js';

/** Any sensor, with a record of all that it gave. */
export class RecordingSensor implements Sensor {
  readonly given: Reading[] = [];

  constructor(private readonly sensor: Sensor) {}

  get channels() {
    return this.sensor.channels;
  }

  start(): Promise<void> {
    return this.sensor.start();
  }

  stop(deadlineMs: number): Promise<void> {
    return this.sensor.stop(deadlineMs);
  }

  async read(): Promise<Reading[]> {
    const readings = await this.sensor.read();
    this.given.push(...readings);
    return readings;
  }
}

/** Readings as a set to compare: order and form left aside. */
export function asSet(readings: readonly Reading[]): string[] {
  return readings.map(({ sensor, timeUs, value, quality }) => JSON.stringify([sensor, timeUs, value, quality])).sort();
}
