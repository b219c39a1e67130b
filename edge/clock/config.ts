import { z } from 'zod';
import { durationBetween } from '#core/runtime/durations.js';
import { defaultSyncMarkers } from '#core/runtime/sync-markers.js';

export const clockConfigSchema = z.strictObject({
  trust: z
    .enum(['auto', 'system', 'synced'])
    .default('auto')
    .describe(
      'When the clock of the system is believed. synced: once a file of syncMarkers tells that it was set. system: ' +
        'always. auto: as synced, and on machines whose clock runs on while they are off: it agrees with a hardware ' +
        'clock, or the machine is no board that could lack one',
    ),
  syncMarkers: z
    .array(z.string().min(1))
    .default([...defaultSyncMarkers])
    .describe('Files that tell that the clock was set: below /run by being there, elsewhere by being written anew'),
  holdMs: durationBetween('0s', '7d')
    .prefault('15m')
    .describe('How long readings without a known time wait for it here; then they wait in the cloud'),
  gateway: z
    .enum(['verified', 'always', 'never'])
    .default('verified')
    .describe('Whether the gateway may tell the time. verified: over mqtts:// with gateway.caFile'),
});
export type ClockConfig = z.infer<typeof clockConfigSchema>;
