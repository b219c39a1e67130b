import { z } from 'zod';
import { durationBetween } from '#core/runtime/durations.js';

/** The `gateway.commands` section. */
export const commandsSchema = z.strictObject({
  keepMs: durationBetween('1m', '365d')
    .prefault('7d')
    .describe('How long a command waits for its device, and how long it is kept after that, with its answer'),
});
export type CommandsConfig = z.infer<typeof commandsSchema>;
