import { createHash } from 'node:crypto';
import { z } from 'zod';
import { nameSchema, type DeviceId } from './names.js';
import { isUnit } from './units.js';

/** How a value is read between two segment ends. */
export const interpolations = ['none', 'hold', 'linear'] as const;

export const sensorDescriptionSchema = z.object({
  /** What is measured: the InfluxDB measurement. */
  quantity: z.string().regex(/^[a-z][a-z0-9_]{0,63}$/, 'a quantity is lower case letters, digits and _'),
  unit: z.string().refine(isUnit, 'not a unit of the SenML registry'),
  /** Floor, room, line, machine, city: for grouping, never identity. */
  labels: z.record(z.string().regex(/^[a-z][a-z0-9_]{0,31}$/), z.string().min(1).max(128)).default({}),
  interpolation: z.enum(interpolations).default('none'),
  /** The longest gap, in microseconds, across which a segment is interpolated. */
  maxGapUs: z.int().positive().default(600_000_000),
});
export type SensorDescription = z.infer<typeof sensorDescriptionSchema>;

export const catalogueSchema = z.object({
  site: nameSchema,
  device: nameSchema,
  sensors: z
    .record(nameSchema, sensorDescriptionSchema)
    .refine((sensors) => Object.keys(sensors).length <= 10_000, 'more than 10,000 sensors'),
});

/** A device's sensors. It never changes: another set of sensors is another catalogue, with another hash. */
export interface Catalogue extends DeviceId {
  readonly sensors: Readonly<Record<string, SensorDescription>>;
}

/** The name of a catalogue: the first 128 bits of the SHA-256 of its canonical JSON (keys sorted), in hex. */
export function catalogueHash(catalogue: Catalogue): string {
  return createHash('sha256').update(canonicalJson(catalogue)).digest('hex').slice(0, 32);
}

function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

/** Sensor to unit, as the pack codec wants it. */
export function catalogueUnits(catalogue: Catalogue): Map<string, string> {
  return new Map(Object.entries(catalogue.sensors).map(([sensor, { unit }]) => [sensor, unit]));
}
