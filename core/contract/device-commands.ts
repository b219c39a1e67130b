import { z } from 'zod';

/** What a device is told on `command/<id>`. */
export const deviceCommandSchema = z.discriminatedUnion('type', [
  /** Put these pack numbers back into the send queue, as far as they are still held. */
  z.object({
    type: z.literal('resend'),
    epoch: z.string(),
    from: z.int().nonnegative(),
    to: z.int().nonnegative(),
  }),
  /**
   * The gateway has seen a number of this epoch that the device never gave out, as its birth says: the card was cloned
   * or restored. The device begins a new epoch, with new numbers for what is pending, and connects again.
   */
  z.object({ type: z.literal('new-epoch'), epoch: z.string(), seen: z.int().nonnegative() }),
]);
export type DeviceCommand = z.infer<typeof deviceCommandSchema>;

/** What it answers on `result/<id>`. */
export type DeviceCommandResult =
  | { readonly ok: true; readonly resent: number }
  | { readonly ok: true; readonly epoch: string }
  | { readonly ok: false; readonly error: string };
