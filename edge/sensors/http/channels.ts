import { z } from 'zod';
import type { Value } from '#core/contract/reading.js';
import { channelList, channelShape, jsonPathSchema, scaled, toValue, valueTypeSchema } from '../channel-shape.js';
import { jsonPath } from '../json-path.js';

const channelSchema = z
  .strictObject({
    ...channelShape,
    path: jsonPathSchema
      .optional()
      .describe('Place of the value in a JSON answer: data.temp, sensors[0].value, ["a key"]'),
    regex: z
      .string()
      .min(1)
      .refine(isRegex, 'no regular expression')
      .optional()
      .describe('Finds the value in a text: its first group, or all that it matches; ^ and $ are those of a line'),
    type: valueTypeSchema,
  })
  .refine(({ path, regex }) => (path === undefined) !== (regex === undefined), 'needs either path or regex');

/** A channel of an HTTP answer. */
export type HttpChannel = z.output<typeof channelSchema>;

export const httpChannelsSchema = channelList(channelSchema);

/** An answer as text and, if it is, as JSON. */
export interface Answer {
  readonly text: string;
  readonly json: unknown;
}

/** Finds a channel's value in an answer, in the channel's unit; undefined if there is none. */
export function finderOf(channel: HttpChannel): (answer: Answer) => Value | undefined {
  const pick = pickOf(channel);
  return (answer) => {
    const value = toValue(pick(answer), channel.type);
    return typeof value === 'number' ? scaled(value, channel) : value;
  };
}

function pickOf({ path, regex }: HttpChannel): (answer: Answer) => unknown {
  if (path !== undefined) {
    const pick = jsonPath(path);
    return ({ json }) => pick(json);
  }
  const pattern = new RegExp(regex!, 'm');
  return ({ text }) => {
    const match = pattern.exec(text);
    return match?.[1] ?? match?.[0];
  };
}

function isRegex(text: string): boolean {
  try {
    new RegExp(text, 'm');
    return true;
  } catch {
    return false;
  }
}
