import { z } from 'zod';
import type { SensorDescription } from '#core/contract/catalogue.js';
import { isUnit, type Unit } from '#core/contract/units.js';
import { Convert } from '#core/signal/filters/convert.js';
import { foreignUnits, isAnyUnit, type AnyUnit } from '#core/signal/filters/unit-scales.js';
import { configured } from './configured.js';

const shape = {
  to: z
    .custom<Unit>((value) => typeof value === 'string' && isUnit(value), 'not a unit of the SenML registry')
    .describe('The unit that the readings get, and the catalogue says: one of the SenML registry'),
  from: z
    .custom<AnyUnit>((value) => typeof value === 'string' && isAnyUnit(value), 'not a unit known here')
    .optional()
    .describe(
      `The unit that the sensor speaks, of the registry or one of ${foreignUnits.join(', ')}. Default: the one its driver says`,
    ),
};
type Options = z.output<z.ZodObject<typeof shape>>;

/** See {@link Convert}. */
export const convert = {
  summary: 'Turns readings of one unit into another, which the catalogue then says.',
  example: 'filter: convert\nfrom: degF\nto: Cel',
  shape,
  create: ({ from, to }: Options, channel: SensorDescription) =>
    configured('convert', () => new Convert(from ?? channel.unit, to)),
  describe: ({ to }: Options, channel: SensorDescription): SensorDescription => ({ ...channel, unit: to }),
};
