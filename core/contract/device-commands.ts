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
]);
export type DeviceCommand = z.infer<typeof deviceCommandSchema>;

/** What it answers on `result/<id>`. */
export type DeviceCommandResult =
  { readonly ok: true; readonly resent: number } | { readonly ok: false; readonly error: string };
