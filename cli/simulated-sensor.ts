import type { Reading } from '#core/contract/reading.js';
import type { Clock } from '#core/runtime/clock.js';
import type { Sensor } from '../edge/sensors/sensor.js';
import type { SimulatedDevice } from '../simulators/scenarios/scenario.js';

/** A simulated device behind the seam of real sensors: from here on its readings take the whole path. */
export function simulatedSensor({ sensors, signals }: SimulatedDevice, clock: Clock): Sensor {
  const entries = Object.entries(signals);
  return {
    channels: sensors,
    start: () => Promise.resolve(),
    stop: () => Promise.resolve(),
    read: () => {
      const timeUs = clock.nowUs();
      const readings = entries.map(([sensor, value]): Reading => ({
        sensor,
        timeUs,
        value: value(timeUs),
        quality: 'good',
      }));
      return Promise.resolve(readings);
    },
  };
}
