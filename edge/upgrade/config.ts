import { z } from 'zod';
import { durationBetween } from '#core/runtime/durations.js';

const mib = 1024 * 1024;

/** Section `edge.upgrade`: whose releases this device takes. Without it, none. */
export const upgradeConfigSchema = z.strictObject({
  publicKeyFile: z.string().min(1).describe('PEM file with the key of who may release: `fieldline release keygen`'),
  directory: z
    .string()
    .min(1)
    .default('/var/lib/fieldline/upgrade')
    .describe('Folder of what is fetched, and of what was said to the guard'),
  installDirectory: z
    .string()
    .min(1)
    .default('/opt/fieldline')
    .describe('Folder of the installed releases; only the guard writes there'),
  allowOlder: z
    .boolean()
    .default(true)
    .describe('Whether an older release than the running one is taken, where it is announced anew'),
  keepFreeBytes: z
    .int()
    .min(0)
    .default(64 * mib)
    .describe('Bytes of the disk that an upgrade leaves free'),
  maxBytesPerSecond: z.int().min(1024).optional().describe('Speed of a download. Default: as fast as it comes'),
  stallMs: durationBetween('1s', '10m')
    .prefault('30s')
    .describe('A source that sends next to nothing for so long is left'),
});
export type UpgradeConfig = z.output<typeof upgradeConfigSchema>;
