import { Histogram, type Registry } from 'prom-client';

/** How long publishes are held before they are acknowledged. */
export function ackHistogram(registry: Registry): Histogram {
  return new Histogram({
    name: 'fieldline_gateway_held_seconds',
    help: 'From the arrival of a publish until it was settled',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300],
    registers: [registry],
  });
}
