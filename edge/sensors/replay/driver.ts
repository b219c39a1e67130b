import { z } from 'zod';
import { FatalError } from '#core/runtime/errors.js';
import { channelList, channelShape } from '../channel-shape.js';
import type { DriverParts, SensorDriver } from '../driver.js';
import { ReplaySensor } from './sensor.js';

const shape = {
  path: z.string().min(1).describe('CSV file with a header line'),
  timeColumn: z.string().min(1).default('timestamp').describe('Column of the times, in any usual format'),
  channels: channelList(
    z.strictObject({
      ...channelShape,
      column: z.string().min(1).default('value').describe('Column that holds the values'),
    }),
  ).describe('What the columns are; an empty field is no reading'),
  speed: z
    .union([z.number().positive(), z.literal('max')])
    .default(1)
    .describe('Seconds of the file in one second: 1 as it was, 60 an hour in a minute, max as fast as can be'),
  times: z
    .enum(['file', 'now'])
    .default('now')
    .describe('file: the stamps of the file; now: as if it were measured now, as far apart as the speed says'),
  loop: z.boolean().default(false).describe('Whether the file begins again after its end; only with times: now'),
  maxRows: z
    .int()
    .min(1)
    .max(100_000)
    .default(1000)
    .describe('Rows of one read; what is due beyond waits for the next'),
};

export const replayDriver = {
  summary:
    'A CSV file in place of a device, at any speed: a recorded day for a demonstration, a backfill with its own stamps, a known series for a test. The file is read as its rows come due, whatever its size; after its end there are no more readings.',
  example: `driver: replay
path: recorded/press-07.csv
speed: 60
loop: true
channels:
  - { name: press.temp, column: temp, quantity: temperature, unit: Cel }
  - { name: press.power, column: power, quantity: power, unit: W }`,
  shape,
  create: (options: z.output<z.ZodObject<typeof shape>>, { clock, logger }: DriverParts) => {
    if (options.loop && options.times === 'file') {
      throw new FatalError(
        'bad-config',
        `${options.path}: with loop, times must be now, or each round has the same stamps`,
      );
    }
    return new ReplaySensor({ ...options, clock, logger });
  },
} satisfies SensorDriver;
