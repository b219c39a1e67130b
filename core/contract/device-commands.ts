import { z } from 'zod';

/** Not carried out after this, by the device's clock; one that does not know the time refuses what expires. */
const expiry = { expiresUs: z.int().nonnegative().optional() };

/** What a device is told on `command/<id>`. The id is the command: one that comes again is answered again, and not obeyed twice. */
export const deviceCommandSchema = z.discriminatedUnion('type', [
  /** Put these pack numbers back into the send queue, as far as they are still held. */
  z.object({
    type: z.literal('resend'),
    epoch: z.string(),
    from: z.int().nonnegative(),
    to: z.int().nonnegative(),
    ...expiry,
  }),
  /**
   * Numbers of this epoch are in use elsewhere: the card was cloned or restored. The gateway has `seen` a number higher
   * than the last one that the device's birth named, which was of this `session`; or another pack under a number of the
   * device's. The device begins a new epoch, with new numbers for what is pending, and connects again.
   */
  z.object({
    type: z.literal('new-epoch'),
    epoch: z.string(),
    seen: z.int().nonnegative(),
    session: z.string().optional(),
    conflict: z.object({ seq: z.int().nonnegative(), crc32: z.int().nonnegative() }).optional(),
    ...expiry,
  }),
  /** Stop this sensor and start it anew. */
  z.object({ type: z.literal('restart-sensor'), name: z.string().min(1).max(64), ...expiry }),
  /** Say how it is. */
  z.object({ type: z.literal('report-status'), ...expiry }),
]);
export type DeviceCommand = z.infer<typeof deviceCommandSchema>;

/** What it answers on `result/<id>`. */
export const deviceCommandResultSchema = z.union([
  z.object({
    ok: z.literal(true),
    resent: z.int().optional(),
    epoch: z.string().optional(),
    status: z.record(z.string(), z.unknown()).optional(),
  }),
  z.object({ ok: z.literal(false), error: z.string() }),
]);
export type DeviceCommandResult = z.infer<typeof deviceCommandResultSchema>;
