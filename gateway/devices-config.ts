import { z } from 'zod';
import { durationBetween } from '#core/runtime/durations.js';

/** The `gateway.devices` section. */
export const devicesSchema = z.strictObject({
  unknown: z
    .enum(['accept', 'quarantine', 'reject'])
    .default('accept')
    .describe(
      'Devices that nobody adopted. accept: as any other; quarantine: what they measure is acknowledged and becomes a dead letter; reject: they may not connect, and are listed',
    ),
  renameDelayMs: durationBetween('0ms', '10m')
    .prefault('5s')
    .describe('A new name counts so long after it was given, so that every reader of the log has heard of it'),
});
export type DevicesConfig = z.infer<typeof devicesSchema>;

/** The `gateway.commands` section. */
export const commandsSchema = z.strictObject({
  keepMs: durationBetween('1m', '365d')
    .prefault('7d')
    .describe('How long a command waits for its device, and how long it is kept after that, with its answer'),
});
export type CommandsConfig = z.infer<typeof commandsSchema>;
