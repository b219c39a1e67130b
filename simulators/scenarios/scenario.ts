import type { SensorDescription } from '#core/contract/catalogue.js';
import type { Signal } from '../signals/signal.js';

/** One device of a scenario: what it would tell in its catalogue, and its signals. */
export interface SimulatedDevice {
  readonly device: string;
  readonly sensors: Readonly<Record<string, SensorDescription>>;
  readonly signals: Readonly<Record<string, Signal>>;
  /** A threshold that its first sensor crosses now and then; the publisher raises an alert when it does. */
  readonly alert: { readonly sensor: string; readonly above: number };
}

export interface ScenarioOptions {
  readonly sensors: number;
  readonly sensorsPerDevice: number;
  readonly seed: number;
  /** Per reading, roughly; 0 for none. */
  readonly spikeProbability: number;
}

/** Builds the devices of a scenario. Pure: the same options give the same devices and values. */
export type Scenario = (options: ScenarioOptions) => SimulatedDevice[];
