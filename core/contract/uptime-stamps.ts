import { z } from 'zod';
import { ContractError } from './contract-error.js';
import { relativeTimeLimitSeconds } from './time.js';

/**
 * Stamps of a device that does not know the time: 2^28 s and the monotonic microseconds since its boot. So they are
 * absolute in SenML's sense, and stand in 1978, where no reading of ours was taken.
 */
const baseUs = relativeTimeLimitSeconds * 1e6;
/** More than four years: no boot lasts longer. */
const longestUptimeUs = 2 ** 27 * 1e6;
/** Where a double of seconds holds no microseconds any more. */
const latestUs = 2 ** 33 * 1e6;

/** The id of one boot of a device: what /proc/sys/kernel/random/boot_id says, without its dashes. */
export const bootIdSchema = z.string().regex(/^[0-9a-f]{32}$/, 'a boot id is 32 hex digits');

/** The time at which a device's monotonic clock stood at 0, in microseconds since the Unix epoch. */
export const clockOffsetSchema = z
  .int()
  .min(baseUs)
  .max(latestUs - longestUptimeUs);

/** The stamp of a monotonic time since boot. */
export function uptimeStamp(uptimeUs: number): number {
  return baseUs + uptimeUs;
}

/** Whether a stamp looks like one of {@link uptimeStamp}. Only a boot id beside it says that it is one. */
export function isUptimeStamp(timeUs: number): boolean {
  return timeUs >= baseUs && timeUs < baseUs + longestUptimeUs;
}

/** The time that a stamp of {@link uptimeStamp} stands for, once the clock of its boot is known. */
export function resolveStamp(stampUs: number, offsetUs: number): number {
  return stampUs - baseUs + offsetUs;
}

/** Throws {@link ContractError} `schema` for a stamp that no uptime makes. */
export function checkUptimeStamp(timeUs: number, what: string): void {
  if (!isUptimeStamp(timeUs)) throw new ContractError('schema', `${what} has a boot id and a stamp that is no uptime`);
}
