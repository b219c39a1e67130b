import { describe, expect, it } from 'vitest';
import { csvSeries } from '../../../core/runtime/csv-series.js';
import { NoveltyDetector } from '../../../core/signal/detectors/novelty.js';
import { noise } from './series.js';

const dayRows = 288;
const stepUs = 300e6;
const alertScore = 0.6;

/** The scores of values that come every five minutes. */
function scoresOf(values: readonly number[], detector = new NoveltyDetector()): Float64Array {
  return Float64Array.from(values, (value, i) => detector.push(i * stepUs, value));
}

/** The rows from which the agent would raise an alert. */
function alertsOf(values: readonly number[]): number[] {
  return [...scoresOf(values).entries()].filter(([, score]) => score >= alertScore).map(([row]) => row);
}

function days(count: number, spread = 0.3): number[] {
  return noise(count * dayRows, 20, spread).map((value, i) => value + 5 * Math.sin((2 * Math.PI * i) / dayRows));
}

const fixtures = new URL('../../fixtures/nab/', import.meta.url);
const realSeries = [
  'realKnownCause/ambient_temperature_system_failure.csv',
  'realKnownCause/ec2_request_latency_system_failure.csv',
  'realKnownCause/rogue_agent_key_hold.csv',
  'realAWSCloudwatch/rds_cpu_utilization_e47b3b.csv',
  'realAWSCloudwatch/iio_us-east-1_i-a2eb1cd9_NetworkIn.csv',
];

async function load(name: string): Promise<{ timeUs: number; value: number }[]> {
  const rows = [];
  for await (const { timeUs, value } of csvSeries(new URL(name, fixtures).pathname)) rows.push({ timeUs, value });
  return rows;
}

function scoreRows(rows: readonly { timeUs: number; value: number }[], warmup: number): Float64Array {
  const detector = new NoveltyDetector({ warmup });
  return Float64Array.from(rows, ({ timeUs, value }) => detector.push(timeUs, value));
}

describe('what every score keeps to', () => {
  it.each(realSeries)('never changes when later rows are cut off: %s', async (name) => {
    const rows = await load(name);
    const kept = Math.floor(0.6 * rows.length);
    const whole = scoreRows(rows, 300);
    const cut = scoreRows(rows.slice(0, kept), 300);
    expect(whole.some((score) => score > 0)).toBe(true);
    // Bit for bit: the bytes, not the numbers.
    expect(Buffer.from(cut.buffer).equals(Buffer.from(whole.buffer, 0, cut.byteLength))).toBe(true);
  });

  it('is the same at each run', () => {
    const values = noise(3000, 5, 1);
    expect(scoresOf(values)).toEqual(scoresOf(values));
  });

  it('lies from 0 to 1, and is 0 in the warm-up', () => {
    const values = noise(4000, 0, 1).map((value, i) => value * (i % 700 === 0 ? 1e6 : 1));
    const scores = scoresOf(values);
    expect(scores.every((score) => score >= 0 && score <= 1)).toBe(true);
    expect(scores.subarray(0, 750).every((score) => score === 0)).toBe(true);
  });

  it('does not depend on the unit of the sensor', () => {
    const values = noise(3000, 5, 1).map((value, i) => (i === 2000 ? value + 20 : value));
    // Powers of two, for which no rounding differs.
    expect(scoresOf(values.map((value) => value * 1024))).toEqual(scoresOf(values));
  });
});

describe('the memory of a detector', () => {
  it('is less than 64 KB, in arrays of fixed size', () => {
    const detector = new NoveltyDetector();
    const before = detector.bytes;
    scoresOf(days(20), detector);
    expect(detector.bytes).toBe(before);
    expect(before).toBeLessThan(40_000);
    expect(arrayBytes(detector)).toBe(before);
  });
});

/** The bytes of all typed arrays below an object; other collections could grow, so there may be none. */
function arrayBytes(value: unknown): number {
  if (ArrayBuffer.isView(value)) return value.byteLength;
  if (typeof value !== 'object' || value === null) return 0;
  expect(Array.isArray(value) || value instanceof Map || value instanceof Set).toBe(false);
  return Object.values(value).reduce((sum: number, inner) => sum + arrayBytes(inner), 0);
}

describe('what it finds', () => {
  const at = 30 * dayRows + 100;

  it('a spike, at once', () => {
    expect(alertsOf(days(40).map((value, i) => (i === at ? value + 15 : value)))).toEqual([at]);
  });

  it('a level shift, at once, and in the end takes the new level for usual', () => {
    const alerts = alertsOf(noise(60 * dayRows, 20, 0.5).map((value, i) => (i >= at ? value + 3 : value)));
    expect(alerts[0]).toBe(at);
    expect(alerts.at(-1)).toBeLessThan(at + 10 * dayRows);
  });

  it('a day that is missing from a daily pattern', () => {
    const [first, ...more] = alertsOf(days(40).map((value, i) => (i >= at && i < at + dayRows ? 20 : value)));
    expect(first).toBeGreaterThanOrEqual(at);
    expect(first).toBeLessThan(at + dayRows / 2);
    expect(more.every((row) => row < at + 2 * dayRows)).toBe(true);
  });

  it('noise that grows', () => {
    const alerts = alertsOf(noise(40 * dayRows, 0, 1).map((value, i) => (i >= at ? 3 * value : value)));
    expect(alerts[0]).toBeGreaterThanOrEqual(at);
    expect(alerts[0]).toBeLessThan(at + 20);
  });

  it('the least change of what was constant', () => {
    const values = Array.from({ length: 3000 }, (_, i) => (i === 2000 ? 45.0001 : 45));
    const alerts = alertsOf(values);
    expect(alerts[0]).toBe(2000);
    expect(alerts.at(-1)).toBeLessThan(2010);
  });

  it.each<[string, ...[number, number][]]>([
    ['realKnownCause/ambient_temperature_system_failure.csv', [3540, 3902], [5999, 6361]],
    ['realKnownCause/ec2_request_latency_system_failure.csv', [3328, 3462], [3956, 4031]],
    ['realAWSCloudwatch/rds_cpu_utilization_e47b3b.csv', [846, 1046], [2485, 2685]],
  ])('the known failures of %s, among its five highest scores', async (name, ...failures) => {
    const scores = scoreRows(await load(name), 600);
    const highest = [...scores.keys()].sort((a, b) => scores[b]! - scores[a]!).slice(0, 5);
    for (const [from, to] of failures) expect(highest.some((row) => row >= from && row <= to)).toBe(true);
  });
});

describe('what it leaves in peace', () => {
  it('a year of a clean daily pattern', () => {
    expect(alertsOf(days(365, 0.01))).toEqual([]);
  });

  it('three months of a noisy one', () => {
    expect(alertsOf(days(90, 1)).length).toBeLessThanOrEqual(1);
  });

  it('noise without a pattern, and slow drift', () => {
    expect(alertsOf(noise(60 * dayRows, 0, 1)).length).toBeLessThanOrEqual(1);
    expect(alertsOf(noise(60 * dayRows, 0, 1).map((value, i) => value + i * 1e-4)).length).toBeLessThanOrEqual(1);
  });

  it('the first hours of a day, in a series of a reading a second', () => {
    const detector = new NoveltyDetector();
    const scores = noise(40_000, 20, 1).map((value, i) => detector.push(i * 1e6, value));
    expect(scores.filter((score) => score >= alertScore)).toEqual([]);
  });

  it('a constant', () => {
    expect(scoresOf(Array<number>(5000).fill(7)).every((score) => score === 0)).toBe(true);
  });
});

describe('what is wrong with the data', () => {
  it('what is no number has no score and changes none', () => {
    const values = days(10);
    const detector = new NoveltyDetector();
    const scores = values.map((value, i) => {
      for (const none of [NaN, Infinity, -Infinity]) expect(detector.push(i * stepUs, none)).toBe(0);
      return detector.push(i * stepUs, value);
    });
    expect(scores).toEqual([...scoresOf(values)]);
  });

  it('a gap alone is no anomaly, nor are its two ends compared', () => {
    const values = days(40);
    const detector = new NoveltyDetector();
    const gapRows = dayRows / 2;
    const from = 20 * dayRows;
    const scores = values.map((value, i) => (i >= from && i < from + gapRows ? 0 : detector.push(i * stepUs, value)));
    expect(Math.max(...scores.slice(from, from + dayRows))).toBeLessThan(alertScore);
  });

  it('a clock that stands still or runs back, and values without bound, do no harm', () => {
    const detector = new NoveltyDetector({ warmup: 0 });
    const values = noise(2000, 0, 1).map((value, i) => (i % 97 === 0 ? Number.MAX_VALUE * Math.sign(value) : value));
    const scores = values.map((value, i) => detector.push(i % 50 === 0 ? -i : 1e9, value));
    expect(scores.every((score) => score >= 0 && score <= 1)).toBe(true);
  });
});
