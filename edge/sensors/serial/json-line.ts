import { z } from 'zod';
import { channelList, channelShape, jsonPathSchema, valueTypeSchema } from '../channel-shape.js';
import { jsonPath } from '../json-path.js';
import { lineShape } from './line-shape.js';
import type { RecordSink } from './parser.js';

/** `{"env":{"temp":23.5}}` */
export const jsonLineSchema = z.strictObject({
  format: z.literal('json').describe('A line that is one JSON value'),
  ...lineShape,
  channels: channelList(
    z.strictObject({
      ...channelShape,
      type: valueTypeSchema,
      path: jsonPathSchema.describe('Where the value is: env.temp, probes[0].value'),
    }),
  ).describe('Where the values are; a line need not have them all'),
});

export function readJson({ channels }: z.output<typeof jsonLineSchema>, sink: RecordSink) {
  const places = channels.map(({ path }) => jsonPath(path));
  const found: unknown[] = channels.map(() => undefined);
  return (line: string, timeUs: number): void => {
    let record: unknown;
    try {
      record = JSON.parse(line);
    } catch {
      return sink.garbage();
    }
    for (let i = 0; i < places.length; i += 1) found[i] = places[i]!(record);
    sink.push(found, timeUs);
  };
}
