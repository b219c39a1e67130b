import { describe, expect, it } from 'vitest';
import type { SeriesRow } from '../../../cloud/console/page/api/types.js';
import {
  groupByQuantity,
  groupByUnit,
  matchesSeries,
  pickForOverview,
  quantityTitle,
  shortNames,
} from '../../../cloud/console/page/model/series-groups.js';

function row(series: string, quantity: string, unit: string, over: Partial<SeriesRow> = {}): SeriesRow {
  const [site = '', device = '', sensor = ''] = series.split('/');
  const last = { timeUs: 1e15, value: 1, quality: 'good' } as const;
  return { series, site, device, sensor, quantity, unit, labels: {}, last, ...over };
}

const plant = [
  row('p/a/t1', 'temperature', 'Cel'),
  row('p/a/t2', 'temperature', 'Cel'),
  row('p/b/t1', 'temperature', 'Cel'),
  row('p/pi/cpu', 'cpu_load', '/100'),
  row('p/b/vib', 'vibration', 'm/s2'),
  row('p/b/zeta', 'zeta_rate', '1/s'),
  row('p/b/mode', 'mode', '/', { last: { timeUs: 1e15, value: 'auto', quality: 'good' } }),
];

describe('groups', () => {
  it('by quantity: what people look at first, then by name', () => {
    expect(groupByQuantity(plant).map(({ title }) => title)).toEqual([
      'CPU load',
      'Temperature',
      'Vibration',
      'Mode',
      'Zeta rate',
    ]);
  });

  it('one quantity in two units is two groups', () => {
    const rows = [row('p/a/x', 'energy', 'Wh'), row('p/a/y', 'energy', 'kWh')];
    expect(groupByQuantity(rows)).toHaveLength(2);
  });

  it('by unit: one chart each, named by what is in it', () => {
    const rows = [...plant, row('p/a/load', 'memory_used', '/100')];
    const groups = groupByUnit(rows);
    expect(groups.map(({ unit }) => unit)).toEqual(['Cel', '/100', 'm/s2', '1/s', '/']);
    expect(groups[1]!.title).toBe('CPU load, Memory used');
  });
});

describe('the overview', () => {
  it('lets devices take turns, and leaves text out', () => {
    const groups = pickForOverview(plant, { charts: 9, perChart: 2, total: 50 });
    expect(groups.map(({ title }) => title)).not.toContain('Mode');
    const temperature = groups.find(({ quantity }) => quantity === 'temperature')!;
    expect(temperature.series.map(({ series }) => series)).toEqual(['p/a/t1', 'p/b/t1']);
  });

  it('prefers devices that still speak', () => {
    const silent = row('p/a/t', 'temperature', 'Cel', { last: { timeUs: 1, value: 1, quality: 'good' } });
    const [group] = pickForOverview([silent, row('p/z/t', 'temperature', 'Cel')], { charts: 1, perChart: 1, total: 1 });
    expect(group!.series[0]!.device).toBe('z');
  });

  it('shows another kind of quantity before a second of one kind', () => {
    const rows = ['memory_available', 'memory_used', 'disk_used', 'disk_read_rate', 'cpu_load'].map((quantity) =>
      row(`p/a/${quantity}`, quantity, '/100'),
    );
    const groups = pickForOverview(rows, { charts: 3, perChart: 1, total: 9 });
    expect(groups.map(({ quantity }) => quantity)).toEqual(['cpu_load', 'memory_used', 'disk_read_rate']);
  });

  it('stays within its limits for ten thousand series', () => {
    const many = Array.from({ length: 10_000 }, (_, i) => row(`p/d${i % 100}/s${i}`, `q${i % 40}`, 'Cel'));
    const groups = pickForOverview(many, { charts: 6, perChart: 5, total: 20 });
    expect(groups.map(({ series }) => series.length)).toEqual([5, 5, 5, 5]);
    expect(new Set(groups[0]!.series.map(({ device }) => device)).size).toBe(5);
  });
});

describe('names', () => {
  it('are as short as they can be told apart', () => {
    expect(shortNames([row('p/a/t', 'q', 'u')])).toEqual(['t']);
    expect(shortNames([row('p/a/t', 'q', 'u'), row('p/b/t', 'q', 'u')])).toEqual(['a', 'b']);
    expect(shortNames([row('p/a/t', 'q', 'u'), row('p/b/x', 'q', 'u')])).toEqual(['a / t', 'b / x']);
    expect(shortNames([row('p/a/t', 'q', 'u'), row('o/a/t', 'q', 'u')])).toEqual(['p / a', 'o / a']);
  });

  it('of quantities are spelt as people write them', () => {
    expect(['cpu_load', 'co2', 'ph', 'fan_speed'].map(quantityTitle)).toEqual(['CPU load', 'CO₂', 'pH', 'Fan speed']);
  });

  it('are found by any words of name, quantity, unit or labels', () => {
    const press = row('plant1/press-07/temp', 'temperature', 'Cel', { labels: { line: 'north' } });
    for (const query of ['', 'press TEMP', 'plant1 north', 'cel 07']) expect(matchesSeries(press, query)).toBe(true);
    expect(matchesSeries(press, 'press south')).toBe(false);
  });
});
