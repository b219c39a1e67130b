import { z } from 'zod';
import { durationBetween } from '#core/runtime/durations.js';

const mib = 1024 * 1024;

/** The `gateway.spool` section. */
export const spoolSchema = z.strictObject({
  enabled: z
    .boolean()
    .default(false)
    .describe('Whether messages are acknowledged from this disk, before the log has them; see docs/gateway/spool.md'),
  for: z
    .enum(['foreign', 'all'])
    .default('foreign')
    .describe('foreign: only what comes from senders with no outbox of ours; all: whatever anybody publishes'),
  directory: z
    .string()
    .min(1)
    .optional()
    .describe('Where it is kept, for one process alone; `spool` in the data directory unless set'),
  maxBytes: z
    .int()
    .min(16 * mib)
    .default(1024 * mib)
    .describe('Bytes on disk; beyond it nothing more is acknowledged until the log has taken some'),
  maxAgeMs: durationBetween('1m', '90d')
    .prefault('24h')
    .describe('Nothing more is acknowledged while the oldest message has waited for so long'),
  drainBytesPerSecond: z
    .int()
    .min(64 * 1024)
    .default(8 * mib)
    .describe('Bytes a second into the log, so that a backlog leaves it room for live traffic; more than comes in'),
});
export type SpoolConfig = z.infer<typeof spoolSchema>;
