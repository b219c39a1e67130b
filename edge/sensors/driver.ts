import type { z } from 'zod';
import type { Clock } from '#core/runtime/clock.js';
import type { Logger } from '#core/runtime/logger.js';
import type { Processing } from '../processing.js';
import type { Sensor } from './sensor.js';

export interface DriverParts {
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A driver that can be named in the configuration: its options, and how one sensor is made of them. */
export interface SensorDriver {
  /** What it reads, in a sentence or two; `docs/edge.md` shows it. */
  readonly summary: string;
  /** One entry of `edge.sensors` as YAML, with `driver`; it must parse. */
  readonly example: string;
  readonly shape: z.ZodRawShape;
  /** How its channels are processed where the configuration says nothing. */
  readonly processing?: Processing;
  /** `options` is what `shape` parsed. Throws FatalError `bad-config`. */
  readonly create: (options: never, parts: DriverParts) => Sensor;
}
