import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SensorDescription } from '#core/contract/catalogue.js';
import type { Quality, Reading } from '#core/contract/reading.js';
import type { Unit } from '#core/contract/units.js';
import type { Clock } from '#core/runtime/clock.js';

/**
 * One group of the host's channels. `read` resolves with what could be read: a channel that failed is absent.
 * It rejects only if nothing of the group could be read.
 */
export interface HostSource {
  readonly channels: Readonly<Record<string, SensorDescription>>;
  read(): Promise<Reading[]>;
}

/** Looks what is there. Rejects, or finds no channels, where the host has nothing of the kind. */
export type OpenHostSource = (host: HostTree) => Promise<HostSource>;

/** The kernel's files below a root, which is `/` outside tests, and the time. */
export class HostTree {
  constructor(
    private readonly root: string,
    readonly clock: Clock,
    /** The mounted file systems to watch. */
    readonly mounts: readonly string[] = ['/'],
  ) {}

  path(...parts: string[]): string {
    return join(this.root, ...parts);
  }

  /** The trimmed text of a file. */
  async text(...parts: string[]): Promise<string> {
    return (await readFile(this.path(...parts), 'utf8')).trim();
  }

  /** The file's number; NaN if it holds none. */
  async number(...parts: string[]): Promise<number> {
    const text = await this.text(...parts);
    return text === '' ? NaN : Number(text);
  }

  /** The names in a folder, sorted as a person would; none if it is missing. */
  async list(...parts: string[]): Promise<string[]> {
    const names = await readdir(this.path(...parts)).catch(() => []);
    return names.sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  }
}

/** A channel's description with the defaults of the catalogue. */
export function channel(quantity: string, unit: Unit, labels: Record<string, string> = {}): SensorDescription {
  return { quantity, unit, labels, interpolation: 'none', maxGapUs: 600_000_000 };
}

export function sample(sensor: string, value: number, timeUs: number, quality: Quality = 'good'): Reading {
  return { sensor, timeUs, value, quality };
}

/** The parts as one valid sensor name: `disk-read.sda`. */
export function channelName(...parts: string[]): string {
  const safe = parts.map((part) =>
    part
      .trim()
      .replace(/[^A-Za-z0-9_:-]+/g, '-')
      .replace(/^[^A-Za-z0-9]+|-+$/g, ''),
  );
  return safe
    .filter((part) => part !== '')
    .join('.')
    .slice(0, 64);
}

/** The readings of those that succeed; rejects if there are some and all fail. */
export async function readAll(reads: readonly Promise<Reading[]>[]): Promise<Reading[]> {
  const results = await Promise.allSettled(reads);
  const readings = results.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
  const [first] = results;
  if (first?.status === 'rejected' && results.every(({ status }) => status === 'rejected')) throw first.reason;
  return readings;
}
