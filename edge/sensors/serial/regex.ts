import { z } from 'zod';
import { channelList, channelShape, valueTypeSchema } from '../channel-shape.js';
import { lineShape } from './line-shape.js';
import type { RecordSink } from './parser.js';

/** `T=23.5C RH=41%` */
export const regexSchema = z
  .strictObject({
    format: z.literal('regex').describe('A line that a regular expression takes apart'),
    pattern: z
      .string()
      .min(1)
      .refine((pattern) => groupsOf(pattern) !== undefined, 'not a regular expression of JavaScript')
      .describe('JavaScript regular expression with a named group for each channel: T=(?<temp>[\\d.]+)'),
    ...lineShape,
    channels: channelList(
      z.strictObject({
        ...channelShape,
        type: valueTypeSchema,
        group: z.string().min(1).describe('Name of the group that holds the value'),
      }),
    ).describe('What the groups are'),
  })
  .superRefine(({ pattern, channels }, context) => {
    channels.forEach(({ group }, i) => {
      if (groupsOf(pattern)?.includes(group) !== false) return;
      context.addIssue({
        code: 'custom',
        path: ['channels', i, 'group'],
        message: `the pattern has no group ${group}`,
      });
    });
  });

/** The names of its groups; undefined if it is no pattern. */
function groupsOf(pattern: string): string[] | undefined {
  try {
    // With an empty alternative every pattern matches the empty text.
    return Object.keys(new RegExp(`${pattern}|`, 'u').exec('')?.groups ?? {});
  } catch {
    return undefined;
  }
}

export function readMatched({ pattern, channels }: z.output<typeof regexSchema>, sink: RecordSink) {
  const expression = new RegExp(pattern, 'u');
  const found: unknown[] = channels.map(() => undefined);
  return (line: string, timeUs: number): void => {
    const match = expression.exec(line);
    if (!match) return sink.garbage();
    for (let i = 0; i < channels.length; i += 1) found[i] = match.groups?.[channels[i]!.group];
    sink.push(found, timeUs);
  };
}
