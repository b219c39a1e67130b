import type { Catalogue, SensorDescription } from '../../core/contract/catalogue.js';
import { describeSensor } from '../support/packs.js';
import { smartBuilding } from '../../simulators/scenarios/smart-building.js';
import { smartFactory } from '../../simulators/scenarios/smart-factory.js';
import type { Scenario } from '../../simulators/scenarios/scenario.js';
import type { Signal } from '../../simulators/signals/signal.js';

/** A device of the plant that the console is looked at with: its catalogue, and the signals that drive it. */
export interface PlantDevice {
  readonly catalogue: Catalogue;
  readonly signals: Readonly<Record<string, Signal>>;
}

function fromScenario(scenario: Scenario, site: string, devices: number, sensorsPerDevice: number): PlantDevice[] {
  const options = { sensors: devices * sensorsPerDevice, sensorsPerDevice, seed: 7, spikeProbability: 0 };
  return scenario(options).map(({ device, sensors, signals }) => ({
    catalogue: { site, device, sensors },
    signals,
  }));
}

const wave = (timeUs: number, periodS: number, phase: number): number =>
  Math.sin((2 * Math.PI * timeUs) / 1e6 / periodS + phase);

/** A Pi that watches itself. */
function pi(site: string, device: string, phase: number): PlantDevice {
  const sensors: Record<string, SensorDescription> = {
    'cpu-load': describeSensor({ quantity: 'cpu_load', unit: '/100' }),
    'memory-used': describeSensor({ quantity: 'memory_used', unit: '/100' }),
    'cpu-temperature': describeSensor({ quantity: 'temperature', unit: 'Cel' }),
  };
  const load: Signal = (t) => 34 + 14 * wave(t, 97, phase) + 9 * wave(t, 23, 2 * phase) + 4 * wave(t, 3.7, phase);
  const signals: Record<string, Signal> = {
    'cpu-load': load,
    'memory-used': (t) => 52 + 3 * wave(t, 400, phase) + 5 * Math.abs(wave(t, 61, phase)),
    'cpu-temperature': (t) => 44 + 0.22 * load(t - 4e6) + 0.3 * wave(t, 5, phase),
  };
  return { catalogue: { site, device, sensors }, signals };
}

/** `size` presses and floors, four sensors each, and two Pis. */
export function plantDevices(size: number, sensorsPerDevice = 4): PlantDevice[] {
  return [
    pi('plant1', 'pi-gateway', 0),
    pi('plant1', 'pi-line-2', 1.3),
    ...fromScenario(smartFactory, 'plant1', size, sensorsPerDevice),
    ...fromScenario(smartBuilding, 'office-berlin', size, sensorsPerDevice),
  ];
}
