import { z } from 'zod';
import { nameSchema } from '#core/contract/names.js';
import type { Clock } from '#core/runtime/clock.js';
import type { Logger } from '#core/runtime/logger.js';
import type { ForeignDecoder } from './foreign.js';
import { isTopicFilter } from '#core/contract/topic-filter.js';

/** What a decoder may use beside the messages. */
export interface ForeignContext {
  /** For intervals; the time of a reading is in its message, or is that of its receipt. */
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A kind of source that can be named in the configuration: its options, and how its decoder is made of them. */
export interface ForeignSourceKind {
  /** What it takes, in a sentence or two; `docs/gateway/sources.md` shows it. */
  readonly summary: string;
  /** One entry of `gateway.sources` as YAML, with `type`; it must parse. */
  readonly example: string;
  /** Its own options. `topics` among them, with a default, if its protocol has topics of its own. */
  readonly shape: z.ZodRawShape;
  /** `options` is what `shape` and {@link commonShape} parsed. */
  readonly open: (options: never, context: ForeignContext) => ForeignDecoder;
}

const ownTopics = /^fieldline(\/|$)/;

export const topicFiltersSchema = z
  .array(
    z
      .string()
      .refine(isTopicFilter, 'not a topic filter of MQTT')
      .refine((filter) => !ownTopics.test(filter), 'topics below fieldline/ are those of our own devices'),
  )
  .min(1);

const writerSchema = z.string().min(1).max(130);

/** What every entry of `gateway.sources` may say. */
export const commonShape = {
  name: nameSchema.optional().describe('Name of this source in logs, counters and dead letters. Default: its type'),
  topics: topicFiltersSchema.describe('Topic filters, as of a subscription, on which its messages come'),
  writers: z
    .array(writerSchema)
    .default([])
    .describe('User names of the clients that may publish on these topics; with auth none, all may'),
  unknown: z
    .enum(['accept', 'quarantine', 'reject'])
    .default('accept')
    .describe(
      'Devices that nobody adopted. quarantine: their messages become dead letters, to be replayed; reject: are dropped and counted',
    ),
};
export type CommonSourceConfig = z.output<z.ZodObject<typeof commonShape>>;
