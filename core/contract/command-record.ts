import { z } from 'zod';
import { deviceCommandResultSchema, deviceCommandSchema } from './device-commands.js';

/** The largest answer of a device that is kept. */
export const maxResultBytes = 128 * 1024;

/** A command in `device-events`, kind `command`, under its id. It is written again when a gateway first sends it. */
export const commandRecordSchema = z.object({
  type: z.literal('command'),
  command: deviceCommandSchema,
  givenUs: z.int(),
  /** Who gave it: `operator`, or the part of Fieldline that did. */
  by: z.string().max(256),
  /** No gateway sends it after this, by its clock. */
  untilUs: z.int(),
  sentUs: z.int().optional(),
});
export type CommandRecord = z.infer<typeof commandRecordSchema>;

/** What a device answered, kind `command-result`, under the id of the command. */
export const commandAnswerSchema = z.object({
  type: z.literal('command-result'),
  /** By the clock of the gateway that took it. */
  receivedUs: z.int(),
  result: deviceCommandResultSchema,
});
export type CommandAnswer = z.infer<typeof commandAnswerSchema>;

export const commandStatuses = ['pending', 'sent', 'answered', 'expired'] as const;
/** `sent`: a gateway sent it, and the device may have it. `expired`: no answer came, and it is sent no more. */
export type CommandStatus = (typeof commandStatuses)[number];

export function commandStatus(
  { untilUs, sentUs }: Pick<CommandRecord, 'untilUs' | 'sentUs'>,
  answer: CommandAnswer | undefined,
  nowUs: number,
): CommandStatus {
  if (answer) return 'answered';
  if (nowUs > untilUs) return 'expired';
  return sentUs === undefined ? 'pending' : 'sent';
}
