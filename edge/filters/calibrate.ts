import { z } from 'zod';
import { Calibrate } from '#core/signal/filters/calibrate.js';
import { configured } from './configured.js';

const shape = {
  table: z
    .array(z.tuple([z.number(), z.number()]))
    .min(2)
    .max(1000)
    .optional()
    .describe('Pairs [measured, true]; between them it is linear, beyond them the quality is out-of-range'),
  polynomial: z
    .array(z.number())
    .min(1)
    .max(10)
    .optional()
    .describe('Coefficients of 1, x, x², …; applied after the table'),
  scale: z.number().default(1).describe('Factor; applied after table and polynomial'),
  offset: z.number().default(0).describe('Added at last'),
};

/** See {@link Calibrate}. */
export const calibrate = {
  summary: 'Makes true values of measured ones: a table, a polynomial, a factor and an offset, in that order.',
  example: 'filter: calibrate\ntable: [[0, 0.3], [50, 50.1], [100, 99.6]]\noffset: -0.2',
  shape,
  create: (options: z.output<z.ZodObject<typeof shape>>) => configured('calibrate', () => new Calibrate(options)),
};
