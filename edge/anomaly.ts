import { z } from 'zod';
import { nameSchema } from '#core/contract/names.js';
import { durationSchema } from '#core/runtime/durations.js';
import { Anomaly, defaultThreshold } from '#core/signal/detectors/anomaly.js';

/** Watches for what a sensor never did before; it needs no limits, but readings to learn from. */
export const anomalySchema = z.strictObject({
  threshold: z
    .number()
    .gt(0)
    .lt(1)
    .default(defaultThreshold)
    .describe('The score from which a reading is an anomaly; a higher one means fewer alerts'),
  warmup: z.int().min(50).max(1_000_000).default(750).describe('Values that are learned from before the first alert'),
  everyMs: durationSchema
    .prefault('0s')
    .describe(
      'Look at the mean of each such span instead of each reading: for sensors that read every second or faster',
    ),
  rule: nameSchema.default('anomaly').describe("The alert's name"),
  severity: z.enum(['info', 'warning', 'critical']).default('warning').describe('How much it matters'),
});
export type AnomalyConfig = z.infer<typeof anomalySchema>;

/** A fresh detector for one channel; it holds about 36 KB. */
export function createAnomaly({ everyMs, ...config }: AnomalyConfig, unit: string): Anomaly {
  return new Anomaly({ ...config, spanUs: everyMs * 1000, unit });
}
