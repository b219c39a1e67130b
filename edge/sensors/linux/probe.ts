import type { Quality, Reading, Value } from '#core/contract/reading.js';
import type { Unit } from '#core/contract/units.js';
import { readInput, type Input } from '../host/input.js';
import type { HostTree } from '../host/source.js';

export interface Sample {
  readonly value: Value;
  readonly timeUs: number;
  readonly quality: Quality;
}

/** One thing that the kernel's files tell. */
export interface Probe {
  /** How the configuration names it, within its kind. */
  readonly address: string;
  /** The name of its channel where the configuration lists none. */
  readonly name: string;
  readonly quantity: string;
  readonly unit: Unit;
  readonly labels: Record<string, string>;
  /** Probes on one bus are read one after the other: they would wait for each other anyway, each in a thread. */
  readonly bus: string;
  /** Whether a read takes most of a second. */
  readonly isSlow?: boolean;
  /** Rejects if it cannot be read, or says nothing. */
  readonly sample: () => Promise<Sample>;
}

/** What there is of a kind; nothing where the kernel has no such thing. */
export type FindProbes = (tree: HostTree) => Promise<Probe[]>;

/** Where a number is not one. */
export function nothingIn(file: string): Error {
  return new Error(`${file} holds no number`);
}

/** A file that the host driver knows to read. */
export function inputProbe(tree: HostTree, input: Input): Probe {
  const { name, address, kind, file, labels } = input;
  const { quantity, unit } = kind;
  const sample = async () => {
    const [reading] = (await readInput(tree, input)) as [Reading?];
    if (!reading) throw nothingIn(file);
    return reading;
  };
  return { address, name, quantity, unit, labels, bus: file.slice(0, file.lastIndexOf('/')), sample };
}
