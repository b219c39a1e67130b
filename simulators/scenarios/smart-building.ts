import { composeDevices, type Layout } from './compose.js';
import type { Scenario } from './scenario.js';

const cities = ['NYC', 'BER', 'SIN', 'SAO'];

const layout: Layout = {
  devicePrefix: 'floor',
  kinds: [
    { name: 'temperature', quantity: 'temperature', unit: 'Cel', signal: 'roomTemperature' },
    { name: 'humidity', quantity: 'humidity', unit: '%RH', signal: 'humidity' },
    { name: 'occupancy', quantity: 'occupancy', unit: 'count', signal: 'occupancy' },
    { name: 'energy', quantity: 'energy', unit: 'Wh', signal: 'energy' },
  ],
  labels: (index) => ({ floor: String(index + 1), city: cities[index % cities.length]! }),
  alertAbove: 40,
};

/** Rooms on floors: temperature, humidity, occupancy and energy, with daily cycles. */
export const smartBuilding: Scenario = (options) => composeDevices(layout, options);
