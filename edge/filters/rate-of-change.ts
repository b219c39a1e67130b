import { z } from 'zod';
import { RateOfChange, rateMarks } from '#core/signal/filters/rate-of-change.js';

const shape = {
  maxPerSecond: z
    .number()
    .positive()
    .describe("The fastest change that the measured thing is capable of, in the sensor's unit per second"),
  believeAfter: z
    .int()
    .min(1)
    .max(100)
    .default(3)
    .describe('A step is believed with its so-many-th reading in a row that fits the ones before it'),
  mark: z
    .enum(rateMarks)
    .default('uncertain')
    .describe('The quality of a faster reading; a spike also sends the readings around it where readings are reduced'),
};

/** See {@link RateOfChange}. */
export const rateOfChange = {
  summary: 'Doubts readings that are further from the last one believed than the time between them allows.',
  example: 'filter: rate-of-change\nmaxPerSecond: 2',
  shape,
  create: (options: z.output<z.ZodObject<typeof shape>>) => new RateOfChange(options),
};
