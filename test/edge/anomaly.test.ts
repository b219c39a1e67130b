import { expect, it } from 'vitest';
import type { Alert } from '../../core/contract/alert.js';
import type { Point } from '../../core/contract/reading.js';
import { channelDefaultsSchema, ProcessingPlan } from '../../edge/processing.js';
import { noise, readings } from '../core/signal/series.js';
import { describeSensor } from '../support/packs.js';

const values = noise(3000, 20, 1).map((value, i) => (i >= 2000 && i < 2030 ? value + 30 : value));

function run(config: object, channel = 'temp'): { points: Point[]; alerts: Alert[] } {
  const pipeline = new ProcessingPlan(channelDefaultsSchema.parse(config)).pipeline(channel, describeSensor());
  const outcome = { points: [] as Point[], alerts: [] as Alert[] };
  for (const reading of readings(values)) pipeline.push(reading, outcome.points, outcome.alerts);
  return outcome;
}

it('is off unless asked for, and needs no settings', () => {
  expect(run({}).alerts).toEqual([]);
  const { points, alerts } = run({ '*': { anomaly: {} } });
  expect(alerts.map(({ rule, state }) => `${rule} ${state}`)).toEqual(['anomaly raised', 'anomaly cleared']);
  expect(points).toHaveLength(values.length);
});

it('takes its settings, and a later glob turns it off', () => {
  const config = {
    '*': { anomaly: { rule: 'odd', severity: 'critical', threshold: 0.7 } },
    'vib-*': { anomaly: 'none' },
  };
  expect(run(config).alerts[0]).toMatchObject({ rule: 'odd', severity: 'critical', threshold: 0.7 });
  expect(run(config, 'vib-x').alerts).toEqual([]);
});

it('stands beside the thresholds', () => {
  const config = { '*': { anomaly: {}, alerts: [{ above: 40, countSpikes: true }] } };
  expect(new Set(run(config).alerts.map(({ rule }) => rule))).toEqual(new Set(['above-40', 'anomaly']));
});
