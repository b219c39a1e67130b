import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** One boot of the machine: what a stamp can be tied to while nobody knows the time. */
export interface Boot {
  /** 32 hex digits, another for each boot. */
  readonly id: string;
  /** Microseconds since the boot, an integer, the same scale for every process of this boot; it never steps. */
  uptimeUs(): number;
}

/**
 * This machine's boot. Where the kernel gives it no name (not Linux) each process counts as a boot of its own.
 * The monotonic clock of Linux stands still while a machine sleeps; boards without a clock of their own do not sleep.
 */
export function systemBoot(): Boot {
  return { id: bootId(), uptimeUs: () => Number(process.hrtime.bigint() / 1000n) };
}

function bootId(): string {
  try {
    const id = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim().replaceAll('-', '');
    if (/^[0-9a-f]{32}$/.test(id)) return id;
  } catch {
    // Not Linux.
  }
  return randomBytes(16).toString('hex');
}
