import { z } from 'zod';
import { durationBetween } from '#core/runtime/durations.js';
import { topicFiltersSchema, type ForeignSourceKind } from '../source.js';
import { SparkplugDecoder, type SparkplugOptions } from './sparkplug-decoder.js';
import { namespace } from './topics.js';

/** Edge nodes that speak Sparkplug B. */
export const sparkplugSource = {
  summary: `Sparkplug B: births, data and deaths of edge nodes and of devices behind them. The group is the site, the edge node
(with a device behind it: both) the device, the metric the sensor. Where the sequence has a gap, or data comes without a
birth, the edge node is asked for its births.`,
  example: `- type: sparkplug
  writers: [edge-node-1]
  hostId: fieldline`,
  shape: {
    topics: topicFiltersSchema
      .default([`${namespace}/#`])
      .describe('Topic filters, as of a subscription, on which its messages come'),
    hostId: z
      .string()
      .regex(/^[^/+#\0]{1,128}$/, 'a host id has no / + #')
      .optional()
      .describe('If set, spBv1.0/STATE/<hostId> says that the gateway is there, for edge nodes with this primary host'),
    rebirthIntervalMs: durationBetween('100ms', '1h')
      .prefault('10s')
      .describe('Time between two rebirth requests to one edge node, at least'),
  },
  open: ({ rebirthIntervalMs, hostId }: Omit<SparkplugOptions, 'clock'>, { clock }) =>
    new SparkplugDecoder({ clock, rebirthIntervalMs, hostId }),
} satisfies ForeignSourceKind;
