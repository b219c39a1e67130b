import { z } from 'zod';
import type { SensorDescription } from '#core/contract/catalogue.js';
import { Hampel, hampelModes } from '#core/signal/detectors/hampel.js';
import { noiseFloor } from './noise-floors.js';

const shape = {
  window: z.int().min(5).max(101).default(15).describe('Readings that the median is taken over'),
  threshold: z.number().min(1).max(20).default(5).describe('Scaled median absolute deviations that make a spike'),
  minDeviation: z
    .number()
    .nonnegative()
    .optional()
    .describe("Never a spike, in the sensor's unit. Default: the usual noise of its unit, 0.5 Cel for example"),
  minShare: z.number().min(0).max(1).default(0.01).describe('Never a spike, as a share of the median'),
  maxSpikeReadings: z.int().min(1).max(4).default(3).describe('A longer run of outliers is a step, not a spike'),
  mode: z
    .enum(hampelModes)
    .default('mark')
    .describe('mark: quality spike; drop: left out, and counted; replace: the median, with quality uncertain'),
};

/** Finds spikes: see {@link Hampel}. */
export const hampel = {
  summary: 'Marks, drops or replaces spikes: readings far from the median of the last ones.',
  example: 'filter: hampel\nwindow: 21\nmode: mark',
  shape,
  create: (options: z.output<z.ZodObject<typeof shape>>, channel: SensorDescription) =>
    new Hampel({ ...options, minDeviation: options.minDeviation ?? noiseFloor(channel.unit) }),
};
