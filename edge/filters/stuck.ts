import { z } from 'zod';
import { durationBetween } from '#core/runtime/durations.js';
import { Stuck } from '#core/signal/filters/stuck.js';

const shape = {
  afterMs: durationBetween('0s', '30d').prefault('10m').describe('How long the value must have been the same'),
  readings: z.int().min(2).max(1_000_000).default(3).describe('How many readings it must have been the same as well'),
  tolerance: z
    .number()
    .nonnegative()
    .default(0)
    .describe("Values no further from the first than this are the same, in the sensor's unit"),
};

/** See {@link Stuck}. */
export const stuck = {
  summary: 'Marks readings as stuck whose value has been the same for too long, until it changes.',
  example: 'filter: stuck\nafterMs: 30m',
  shape,
  create: ({ afterMs, ...options }: z.output<z.ZodObject<typeof shape>>) =>
    new Stuck({ ...options, afterUs: afterMs * 1000 }),
};
