import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import type { Alert } from '../../../core/contract/alert.js';
import type { Point } from '../../../core/contract/reading.js';
import { units, type Unit } from '../../../core/contract/units.js';
import { createFilter, filterKinds, filterSchema } from '../../../edge/filters/registry.js';
import { noiseFloor } from '../../../edge/filters/noise-floors.js';
import { globMatcher } from '../../../edge/glob.js';
import { channelDefaultsSchema, processingShape, ProcessingPlan } from '../../../edge/processing.js';
import { driverProcessing } from '../../../edge/sensors/registry.js';
import { describeSensor } from '../../support/packs.js';
import { readings, startUs } from '../../core/signal/series.js';

const temperature = describeSensor();
const own = (yaml: object) => z.strictObject(processingShape).parse(yaml);
const plan = (yaml: object) => new ProcessingPlan(channelDefaultsSchema.parse(yaml));

interface Outcome {
  points: Point[];
  alerts: Alert[];
}

function run(which: ProcessingPlan, channel: string, values: number[], entry = {}): Outcome {
  const pipeline = which.pipeline(channel, temperature, { own: own(entry) });
  const outcome: Outcome = { points: [], alerts: [] };
  for (const reading of readings(values, 1e6, startUs - 1e6)) pipeline.push(reading, outcome.points, outcome.alerts);
  pipeline.flush(Infinity, outcome.points);
  return outcome;
}

const twelve = Array<number>(12).fill(20);

describe('the processing of a channel', () => {
  it('marks spikes by default, and leaves nothing out', () => {
    const { points } = run(plan({}), 'temp', [...twelve, 90]);
    expect(points.map(({ form }) => form)).toEqual(Array(13).fill('raw'));
    expect(points.at(-1)!.quality).toBe('spike');
    expect(run(plan({}), 'temp', [...twelve, 90], { filters: [] }).points.at(-1)!.quality).toBe('good');
  });

  it('lets the bursts of a computer pass, unless told otherwise', () => {
    const last = (which: ProcessingPlan) => {
      const points: Point[] = [];
      const pipeline = which.pipeline('cpu-load', temperature, { driver: driverProcessing('host'), own: {} });
      for (const reading of readings([...twelve, 90])) pipeline.push(reading, points, []);
      return points.at(-1)!.quality;
    };
    expect(last(plan({}))).toBe('good');
    expect(last(plan({ '*': { filters: [{ filter: 'hampel' }] } }))).toBe('spike');
  });

  it('comes from the globs that match, the later over the earlier', () => {
    const windows = plan({ '*': { reduce: { window: '10s' } }, 'vib-*': { reduce: 'none' } });
    expect(run(windows, 'temp', twelve).points.map(({ form }) => form)).toEqual(['raw', 'window', 'window']);
    expect(run(windows, 'vib-x', twelve).points).toHaveLength(12);
  });

  it("is overruled by the sensor's own", () => {
    const windows = plan({ '*': { reduce: { window: '10s' }, filters: [{ filter: 'hampel', mode: 'drop' }] } });
    const values = [...twelve, 90, 20];
    expect(run(windows, 'temp', values, { reduce: 'none' }).points).toHaveLength(13);
    expect(run(windows, 'temp', values, { reduce: 'none', filters: [] }).points).toHaveLength(14);
  });

  it('gathers the alerts of all, one of each rule', () => {
    const alarmed = plan({
      '*': { alerts: [{ above: 80 }, { rule: 'cold', below: 0 }] },
      'temp-*': {
        alerts: [
          { above: 80, severity: 'critical' },
          { sensor: '*-oil', above: 60 },
        ],
      },
    });
    const rules = (channel: string, entry = {}) =>
      run(alarmed, channel, [20, 100, -5], entry).alerts.map(
        ({ rule, state, severity }) => `${rule} ${state} ${severity}`,
      );
    expect(rules('other')).toEqual(['above-80 raised warning', 'above-80 cleared warning', 'cold raised warning']);
    expect(rules('temp-oil')).toEqual([
      'above-80 raised critical',
      'above-60 raised warning',
      'above-80 cleared critical',
      'cold raised warning',
      'above-60 cleared warning',
    ]);
    expect(rules('other', { alerts: [{ sensor: 'x*', above: 1 }] })).toHaveLength(3);
  });

  it('adds the labels of the configuration to those of the driver', () => {
    const labelled = plan({ '*': { labels: { city: 'Oslo', floor: '1' } }, 'a*': { labels: { floor: '3' } } });
    const description = describeSensor({ labels: { city: 'Bergen', zone: 'x' } });
    expect(labelled.labelled('a1', description, { own: own({ labels: { room: '12' } }) }).labels).toEqual({
      city: 'Oslo',
      zone: 'x',
      floor: '3',
      room: '12',
    });
  });
});

describe('filters of the configuration', () => {
  it.each(Object.entries(filterKinds))('%s can be built from its example', (filter, { example }) => {
    const [reading] = readings([20]);
    const config = filterSchema.parse(parse(example));
    expect(config.filter).toBe(filter);
    expect(createFilter(config, temperature).push(reading!)).toHaveLength(1);
  });

  it('know the usual noise of a unit, and leave it alone', () => {
    const values = [...Array<number>(10).fill(0), 0.4, 0, 0, 3, 0];
    const marks = (options: object, unit: Unit) => {
      const filter = createFilter(filterSchema.parse({ filter: 'hampel', ...options }), describeSensor({ unit }));
      const passed = readings(values).flatMap((reading) => filter.push(reading));
      return passed.filter(({ quality }) => quality === 'spike').map(({ value }) => value);
    };
    expect(marks({}, 'Cel')).toEqual([3]);
    expect(marks({ minDeviation: 0 }, 'Cel')).toEqual([0.4, 3]);
    expect(marks({}, 'sr')).toEqual([0.4, 3]);
  });

  it('have no noise of their own for units nobody knows', () => {
    expect(Object.keys(units).every((unit) => noiseFloor(unit) >= 0)).toBe(true);
    expect(noiseFloor('furlong')).toBe(0);
  });
});

it.each([
  [['*'], 'anything.1', true],
  [['temp-*'], 'temp-oil', true],
  [['temp-*'], 'xtemp-oil', false],
  [['load-?m'], 'load-15m', false],
  [['a.b'], 'aXb', false],
  [['a', 'b*'], 'bc', true],
  [['a|b'], 'a', false],
  [[], 'a', false],
])('globs %j match %s: %s', (globs, name, matches) => {
  expect(globMatcher(globs)(name)).toBe(matches);
});
