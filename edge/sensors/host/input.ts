import type { Reading } from '#core/contract/reading.js';
import type { Unit } from '#core/contract/units.js';
import { channel, readAll, sample, type HostSource, type HostTree } from './source.js';

/** What an integer in a file of /sys means; a value outside [least, greatest] says that the probe is broken. */
export interface InputKind {
  readonly quantity: string;
  readonly unit: Unit;
  /** The file's number per unit. */
  readonly perUnit: number;
  readonly least: number;
  readonly greatest: number;
}

/** https://docs.kernel.org/hwmon/sysfs-interface.html */
// prettier-ignore
export const inputKinds = {
  temp:     { quantity: 'temperature', unit: 'Cel',   perUnit: 1000,      least: -100,  greatest: 300 },
  fan:      { quantity: 'fan_speed',   unit: '1/min', perUnit: 1,         least: 0,     greatest: 100_000 },
  in:       { quantity: 'voltage',     unit: 'V',     perUnit: 1000,      least: -1000, greatest: 1000 },
  curr:     { quantity: 'current',     unit: 'A',     perUnit: 1000,      least: -1000, greatest: 1000 },
  power:    { quantity: 'power',       unit: 'W',     perUnit: 1_000_000, least: -1e5,  greatest: 1e5 },
  humidity: { quantity: 'humidity',    unit: '%RH',   perUnit: 1000,      least: 0,     greatest: 100 },
} as const satisfies Record<string, InputKind>;

/** One file of /sys that is one channel. */
export interface Input {
  readonly name: string;
  /** Chip or zone, and which of its files: the same whatever its label says. */
  readonly address: string;
  readonly kind: InputKind;
  /** The path below the root. */
  readonly file: string;
  /** Holds 1 while the probe is broken. */
  readonly faultFile?: string;
  readonly labels: Record<string, string>;
}

/** The files are read together: an I²C probe takes milliseconds, and one that hangs in an error delays no other. */
export function inputSource(host: HostTree, inputs: readonly Input[]): HostSource {
  return {
    channels: Object.fromEntries(
      inputs.map(({ name, kind, labels }) => [name, channel(kind.quantity, kind.unit, labels)]),
    ),
    read: () => readAll(inputs.map((input) => readInput(host, input))),
  };
}

/** No reading if the file holds no number. Rejects if it cannot be read. */
export async function readInput(host: HostTree, { name, kind, file, faultFile }: Input): Promise<Reading[]> {
  const raw = await host.number(file);
  const timeUs = host.clock.nowUs();
  if (!Number.isFinite(raw)) return [];
  const faulty = faultFile !== undefined && (await host.number(faultFile)) === 1;
  const value = raw / kind.perUnit;
  const plausible = value >= kind.least && value <= kind.greatest;
  return [sample(name, value, timeUs, faulty ? 'bad' : plausible ? 'good' : 'out-of-range')];
}
