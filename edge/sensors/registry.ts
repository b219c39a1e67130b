import { z } from 'zod';
import type { Clock } from '#core/runtime/clock.js';
import type { Logger } from '#core/runtime/logger.js';
import type { Processing } from '../processing.js';
import { HostSensor } from './host.js';
import type { Sensor } from './sensor.js';

export interface DriverParts {
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A driver that can be named in the configuration: its options, and how one sensor is made of them. */
export interface SensorDriver {
  readonly shape: z.ZodRawShape;
  /** How its channels are processed where the configuration says nothing. */
  readonly processing?: Processing;
  /** `options` is what `shape` parsed. */
  readonly create: (options: never, parts: DriverParts) => Sensor;
}

const hostShape = {
  root: z.string().min(1).default('/').describe('Folder below which /proc and /sys are found'),
  mounts: z.array(z.string().min(1)).default(['/']).describe('Mounted file systems whose fill is measured'),
  channels: z.array(z.string().min(1)).min(1).default(['*']).describe('Globs of the channels to read'),
};

export const sensorDrivers = {
  host: {
    shape: hostShape,
    // Programs come in bursts: what looks like a spike is the truth about a computer.
    processing: { filters: [] },
    create: (options: z.output<z.ZodObject<typeof hostShape>>, { clock }: DriverParts) =>
      new HostSensor({ ...options, clock }),
  },
} satisfies Record<string, SensorDriver>;

/** The sensor that an entry of the configuration describes. */
export function createSensor(driver: keyof typeof sensorDrivers, options: object, parts: DriverParts): Sensor {
  const row: SensorDriver = sensorDrivers[driver];
  return row.create(options as never, parts);
}

/** See {@link SensorDriver.processing}. */
export function driverProcessing(driver: keyof typeof sensorDrivers): Processing {
  const row: SensorDriver = sensorDrivers[driver];
  return row.processing ?? {};
}
