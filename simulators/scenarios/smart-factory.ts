import { composeDevices, type Layout } from './compose.js';
import type { Scenario } from './scenario.js';

const layout: Layout = {
  devicePrefix: 'press',
  kinds: [
    { name: 'temperature', quantity: 'temperature', unit: 'Cel', signal: 'machineTemperature' },
    { name: 'vibration', quantity: 'vibration', unit: 'm/s2', signal: 'vibration' },
    { name: 'current', quantity: 'current', unit: 'A', signal: 'current' },
    { name: 'pressure', quantity: 'pressure', unit: 'Pa', signal: 'pressure' },
  ],
  labels: (index) => ({ line: `line-${Math.floor(index / 10) + 1}`, machine: `press-${index + 1}` }),
  alertAbove: 100,
};

/** Presses in lines: temperature, vibration, current and pressure, with work cycles. */
export const smartFactory: Scenario = (options) => composeDevices(layout, options);
