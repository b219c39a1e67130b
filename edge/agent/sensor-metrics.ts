import { Gauge, Histogram, type Registry } from 'prom-client';
import type { SensorStatus } from './sampler.js';

const measures: readonly [name: string, help: string, value: (status: SensorStatus) => number][] = [
  ['sensor_up', 'Whether a sensor is read', ({ state }) => Number(state === 'ready' || state === 'reading')],
  ['sensor_readings', 'Readings of a sensor since the agent was started', ({ readings }) => readings],
  ['sensor_failures', 'Reads and starts of a sensor that failed', ({ failures }) => failures],
  ['sensor_missed_ticks', 'Times for a read that passed during the one before', ({ missed }) => missed],
  [
    'sampling_jitter_p99_seconds',
    'Time from due moment to beginning within which 99 % of the last reads of a sensor began',
    ({ p99JitterMs }) => p99JitterMs / 1000,
  ],
];

/** What each sensor's status says, by sensor, read when it is scraped. */
export function exportSensors(registry: Registry, statuses: () => readonly SensorStatus[]): void {
  for (const [name, help, value] of measures) {
    new Gauge({
      name: `fieldline_edge_${name}`,
      help,
      labelNames: ['sensor'],
      registers: [registry],
      collect() {
        // Sensors may be replaced.
        this.reset();
        for (const status of statuses()) this.set({ sensor: status.name }, value(status));
      },
    });
  }
}

/** How late reads begin, of all sensors together, as a histogram. */
export function jitterMeter(registry: Registry): (jitterMs: number) => void {
  const histogram = new Histogram({
    name: 'fieldline_edge_sampling_jitter_seconds',
    help: 'Time from the due moment of a read to its beginning',
    buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1],
    registers: [registry],
  });
  return (jitterMs) => histogram.observe(Math.max(0, jitterMs) / 1000);
}
