import { expect, it } from 'vitest';
import { alertSchema } from '../../../core/contract/alert.js';
import type { Reading } from '../../../core/contract/reading.js';
import { Anomaly, type AnomalyOptions } from '../../../core/signal/detectors/anomaly.js';
import { noise, readings, startUs } from './series.js';

const options: AnomalyOptions = { rule: 'anomaly', severity: 'warning', unit: 'Cel' };
const values = noise(3000, 20, 1).map((value, i) => (i >= 2000 && i < 2030 ? value + 30 : value));

function alertsOf(series: readonly Reading[], more: Partial<AnomalyOptions> = {}) {
  const anomaly = new Anomaly({ ...options, ...more });
  return series.flatMap((reading) => anomaly.push(reading) ?? []);
}
const secondOf = ({ timeUs }: { timeUs: number }) => (timeUs - startUs) / 1e6;

it('is raised when a series behaves as never before, and cleared when it is as usual again', () => {
  const alerts = alertsOf(readings(values));
  expect(alerts.map(({ state }) => state)).toEqual(['raised', 'cleared']);
  expect(alerts.map(secondOf)[0]).toBe(2000);
  expect(alerts.map(secondOf)[1]).toBeGreaterThan(2000);
  for (const alert of alerts) alertSchema.parse(alert);
  expect(alerts[0]).toMatchObject({ rule: 'anomaly', severity: 'warning', threshold: 0.6 });
  expect(alerts[0]!.value).toBeGreaterThanOrEqual(0.6);
  expect(alerts[0]!.message).toMatch(/^s behaves as never before at 5\d(\.\d+)? Cel: anomaly score 0\.\d\d$/);
});

it('does not see text, nor what a sensor itself calls nonsense', () => {
  const clean = readings(noise(3000, 20, 1));
  const spoilt = clean.flatMap((reading, i): Reading[] =>
    i % 3 === 0
      ? [
          reading,
          { ...reading, value: 'on' },
          { ...reading, value: -127, quality: i % 2 === 0 ? 'bad' : 'out-of-range' },
        ]
      : [reading],
  );
  expect(alertsOf(spoilt)).toEqual(alertsOf(clean));
  expect(alertsOf(spoilt)).toEqual([]);
});

it('counts a marked spike, which is what it looks for', () => {
  const spiky = readings(noise(3000, 20, 1)).map((reading, i): Reading =>
    i === 2500 ? { ...reading, value: 60, quality: 'spike' } : reading,
  );
  expect(alertsOf(spiky).map(({ state }) => state)).toEqual(['raised', 'cleared']);
});

it('takes booleans for 0 and 1', () => {
  const door = Array.from({ length: 4000 }, (_, i) => i === 3000);
  expect(alertsOf(readings(door))[0]).toMatchObject({ state: 'raised', timeUs: startUs + 3000e6 });
});

it('looks at the means of spans, if asked to, and still tells of the reading that ended one', () => {
  const seconds = noise(72_000, 20, 1).map((value, i) => (i >= 60_000 && i < 60_600 ? value + 10 : value));
  const alerts = alertsOf(readings(seconds), { spanUs: 60e6 });
  expect(alerts.map(({ state }) => state)).toEqual(['raised', 'cleared']);
  // The series starts with a minute; the unusual one is judged when it is over, and smoothing may take one more.
  expect([60_060, 60_120]).toContain(secondOf(alerts[0]!));
});

it('gives no alert before the warm-up is over', () => {
  expect(alertsOf(readings(values), { warmup: 2100 })).toEqual([]);
});

it('refuses a threshold that nothing or everything passes', () => {
  for (const threshold of [0, 1, NaN]) expect(() => new Anomaly({ ...options, threshold })).toThrow(RangeError);
});

it('takes a clock that is set for no gap', () => {
  const anomaly = new Anomaly(options);
  const series = readings(values);
  const byUs = 86_400e6;
  const alerts = series.flatMap((reading, i) => {
    if (i === 1500) anomaly.shift(byUs);
    return anomaly.push(i < 1500 ? reading : { ...reading, timeUs: reading.timeUs + byUs }) ?? [];
  });
  expect(alerts.map(({ timeUs }) => timeUs - byUs)).toEqual(alertsOf(series).map(({ timeUs }) => timeUs));
});
