import { z } from 'zod';
import { channelList, channelShape, valueTypeSchema } from '../channel-shape.js';
import { lineShape } from './line-shape.js';
import type { RecordSink } from './parser.js';

/** `23.5;41;1013` */
export const delimiterSchema = z.strictObject({
  format: z.literal('delimiter').describe('A line of columns'),
  separator: z.string().min(1).default(',').describe('What stands between two columns'),
  ...lineShape,
  channels: channelList(
    z.strictObject({
      ...channelShape,
      type: valueTypeSchema,
      column: z.int().min(1).describe('Number of the column that holds the value, from 1'),
    }),
  ).describe('What the columns are'),
});

export function readDelimited({ separator, channels }: z.output<typeof delimiterSchema>, sink: RecordSink) {
  const found: unknown[] = channels.map(() => undefined);
  return (line: string, timeUs: number): void => {
    const columns = line.split(separator);
    for (let i = 0; i < channels.length; i += 1) found[i] = columns[channels[i]!.column - 1];
    sink.push(found, timeUs);
  };
}
