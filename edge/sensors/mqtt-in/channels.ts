import { z } from 'zod';
import { hasWildcard, isTopicFilter } from '#core/contract/topic-filter.js';
import { channelList, channelShape, jsonPathSchema, valueTypeSchema } from '../channel-shape.js';
import { crossing } from './topics.js';

const filterSchema = z
  .string()
  .refine(isTopicFilter, 'no topic filter: + and # stand alone in a level, # only in the last');

const channelSchema = z
  .strictObject({
    ...channelShape,
    topic: filterSchema.describe('Topic it comes on; + and # need merge'),
    merge: z
      .boolean()
      .default(false)
      .describe('Lets a topic with + or # join what all matching devices say into one series'),
    path: jsonPathSchema
      .optional()
      .describe(
        'Place of the value in a JSON message: temperature, ENERGY.Power, list[0], ["a key"]. Default: the message is the value',
      ),
    type: valueTypeSchema,
    timePath: jsonPathSchema
      .optional()
      .describe(
        'Place of the time in a JSON message: ISO 8601, UTC if it says no zone, or an epoch count. Default: the arrival',
      ),
    availabilityTopic: z
      .string()
      .refine((topic) => isTopicFilter(topic) && !hasWildcard(topic), 'no topic, or one with wildcards')
      .optional()
      .describe('Where its device is said to be online or offline, as by zigbee2mqtt and in the LWT of Tasmota'),
  })
  .refine(({ topic, merge }) => merge || !hasWildcard(topic), {
    path: ['topic'],
    message: 'would join several devices into one series: name one topic, or set merge: true',
  });

/** A channel that MQTT messages feed. */
export type MqttChannel = z.output<typeof channelSchema>;

export const mqttChannelsSchema = channelList(channelSchema).superRefine((channels, context) => {
  const crossed = crossing(topicsOf(channels));
  if (!crossed) return;
  const message = `${crossed.join(' and ')} share topics: a broker may send such a message twice; use one that covers both`;
  context.addIssue({ code: 'custom', message });
});

export function topicsOf(channels: readonly MqttChannel[]): string[] {
  return channels.flatMap(({ topic, availabilityTopic }) => [topic, availabilityTopic ?? topic]);
}
