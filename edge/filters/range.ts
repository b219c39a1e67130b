import { z } from 'zod';
import { Range, rangeModes } from '#core/signal/filters/range.js';
import { configured } from './configured.js';

const shape = {
  min: z.number().optional().describe("The least that the sensor can measure, in the unit of this step's readings"),
  max: z.number().optional().describe('The greatest'),
  mode: z
    .enum(rangeModes)
    .default('mark')
    .describe('mark: quality out-of-range; drop: left out, and counted under that reason'),
};

/** See {@link Range}. */
export const range = {
  summary: 'Marks or drops what lies outside the range of the sensor.',
  example: 'filter: range\nmin: -40\nmax: 125',
  shape,
  create: (options: z.output<z.ZodObject<typeof shape>>) => configured('range', () => new Range(options)),
};
