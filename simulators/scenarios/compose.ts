import type { SensorDescription } from '#core/contract/catalogue.js';
import type { Unit } from '#core/contract/units.js';
import { withSpikes } from '../faults/spikes.js';
import { signals, type Signal, type SignalName } from '../signals/signal.js';
import type { ScenarioOptions, SimulatedDevice } from './scenario.js';

/** One kind of sensor: `quantity`, `unit` and the signal that drives it. */
export interface SensorKind {
  readonly name: string;
  readonly quantity: string;
  readonly unit: Unit;
  readonly signal: SignalName;
}

export interface Layout {
  readonly devicePrefix: string;
  readonly kinds: readonly SensorKind[];
  /** The labels of a device's sensors, by the device's number from 0. */
  readonly labels: (index: number) => Record<string, string>;
  readonly alertAbove: number;
}

/** Spreads the sensors over devices; every device has the kinds in turn, `temperature-01`, `vibration-01`, … */
export function composeDevices(layout: Layout, options: ScenarioOptions): SimulatedDevice[] {
  const count = Math.ceil(options.sensors / options.sensorsPerDevice);
  const width = String(count).length;
  return Array.from({ length: count }, (_, index) => {
    const first = index * options.sensorsPerDevice;
    const size = Math.min(options.sensorsPerDevice, options.sensors - first);
    return composeDevice(
      layout,
      options,
      `${layout.devicePrefix}-${String(index + 1).padStart(width, '0')}`,
      index,
      first,
      size,
    );
  });
}

function composeDevice(
  layout: Layout,
  options: ScenarioOptions,
  device: string,
  index: number,
  first: number,
  size: number,
): SimulatedDevice {
  const described: Record<string, SensorDescription> = {};
  const driven: Record<string, Signal> = {};
  for (let i = 0; i < size; i += 1) {
    const kind = layout.kinds[i % layout.kinds.length]!;
    const name = `${kind.name}-${String(Math.floor(i / layout.kinds.length) + 1).padStart(2, '0')}`;
    const seed = { seed: options.seed, channel: first + i };
    described[name] = {
      quantity: kind.quantity,
      unit: kind.unit,
      labels: layout.labels(index),
      interpolation: 'none',
      maxGapUs: 600_000_000,
    };
    driven[name] = withSpikes(signals[kind.signal](seed), seed, options.spikeProbability);
  }
  return {
    device,
    sensors: described,
    signals: driven,
    alert: { sensor: Object.keys(described)[0]!, above: layout.alertAbove },
  };
}
