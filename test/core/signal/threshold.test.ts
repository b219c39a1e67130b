import { expect, it } from 'vitest';
import { alertSchema } from '../../../core/contract/alert.js';
import type { Reading } from '../../../core/contract/reading.js';
import { Threshold, type ThresholdOptions } from '../../../core/signal/detectors/threshold.js';
import { readings, startUs } from './series.js';

const hot: ThresholdOptions = { rule: 'too-hot', severity: 'critical', side: 'above', threshold: 90, unit: 'Cel' };

function changes(options: ThresholdOptions, series: readonly Reading[]): string[] {
  const detector = new Threshold(options);
  return series.flatMap((reading) => {
    const alert = detector.push(reading);
    return alert ? [`${alert.state}@${(alert.timeUs - startUs) / 1e6}`] : [];
  });
}

it('is raised beyond the threshold and cleared at it', () => {
  expect(changes(hot, readings([90, 91, 95, 90, 91]))).toEqual(['raised@1', 'cleared@3', 'raised@4']);
});

it('waits for the value to come back by the hysteresis', () => {
  expect(changes({ ...hot, hysteresis: 5 }, readings([91, 89, 91, 86, 85, 89, 91]))).toEqual([
    'raised@0',
    'cleared@4',
    'raised@6',
  ]);
});

it('looks below as well', () => {
  const cold: ThresholdOptions = { ...hot, rule: 'too-cold', side: 'below', threshold: 5, hysteresis: 1 };
  expect(changes(cold, readings([5, 4, 5, 6, 4]))).toEqual(['raised@1', 'cleared@3', 'raised@4']);
});

it('holds back until the value has stayed beyond long enough', () => {
  const slow = { ...hot, holdUs: 3_000_000 };
  expect(changes(slow, readings([91, 92, 89, 91, 92, 93, 94, 95]))).toEqual(['raised@6']);
});

it('starts holding anew when the clock steps back', () => {
  const slow = { ...hot, holdUs: 3_000_000 };
  const series = [...readings([91, 92]), ...readings([91, 92, 93, 94], 1e6, startUs - 3600e6)];
  expect(changes(slow, series)).toEqual(['raised@-3597']);
});

it('believes neither spikes nor bad readings nor text', () => {
  const doubted = (['spike', 'bad', 'out-of-range'] as const).map((quality) => ({ ...readings([99])[0]!, quality }));
  expect(changes(hot, [...doubted, ...readings(['hot', 95, true]), ...doubted])).toEqual(['raised@1', 'cleared@2']);
});

it('believes spikes when told to', () => {
  const spike = { ...readings([99])[0]!, quality: 'spike' as const };
  expect(changes({ ...hot, countSpikes: true }, [spike])).toEqual(['raised@0']);
});

it('says in one sentence what happened', () => {
  const detector = new Threshold({ ...hot, hysteresis: 2 });
  const [raised, , cleared] = readings([91.25, 95, 88]).map((reading) => detector.push(reading));
  expect(raised).toEqual({
    sensor: 's',
    rule: 'too-hot',
    state: 'raised',
    severity: 'critical',
    timeUs: startUs,
    value: 91.25,
    threshold: 90,
    message: 's is 91.25 Cel, above 90 Cel',
  });
  expect(cleared!.message).toBe('s is 88 Cel, no longer above 90 Cel');
  expect(alertSchema.safeParse(cleared).success).toBe(true);
  expect(new Threshold({ ...hot, unit: undefined }).push(readings([100])[0]!)!.message).toBe('s is 100, above 90');
});
