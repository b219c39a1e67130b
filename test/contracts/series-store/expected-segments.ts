import type { SensorDescription } from '#core/contract/catalogue.js';
import type { Point } from '#core/contract/reading.js';
import { bucketStart } from '#core/contract/time.js';
import { mixParts, segmentParts, type TimedParts } from '#core/signal/segment-rollup.js';
import type { SegmentReading } from '#core/signal/segment-value.js';
import type { RollupTier, SeriesStore } from '../../../cloud/store/store.js';
import { describeSensor } from '../../support/packs.js';
import { expectedRollups, expectSameRollups, rollupTiers, tierWidthUs } from './expected.js';
import { allRollups, TestDevice } from './harness.js';

export function segmentPoint(timeUs: number, value: Point['value'], quality: Point['quality'] = 'good'): Point {
  return { sensor: 'temp', timeUs, value, quality, form: 'segment' };
}

export function segmentDevice(how: SegmentReading, ...others: string[]): TestDevice {
  const sensors: Record<string, SensorDescription> = { temp: describeSensor(how) };
  for (const other of others) sensors[other] = describeSensor();
  return new TestDevice(sensors);
}

/** All three tiers must be what the pure computation says. */
export async function expectStored(
  store: SeriesStore,
  device: TestDevice,
  how: SegmentReading,
  points: readonly Point[],
): Promise<void> {
  for (const tier of rollupTiers) {
    const stored = await allRollups(store, tier, device.series());
    expectSameRollups(stored, expectedSegments(points, how, tier));
  }
}

type Expected = Parameters<typeof expectSameRollups>[1][number];

/** The rollups of one series of segments, and perhaps readings, straight from its points. */
export function expectedSegments(points: readonly Point[], how: SegmentReading, tier: RollupTier): Expected[] {
  const widthUs = tierWidthUs[tier];
  const readings = points.filter(({ form }) => form === 'raw');
  const mixed = new Map(expectedRollups(readings, widthUs).map((row) => [row.timeUs, row]));
  for (const [timeUs, parts] of segmentBuckets(points, how, widthUs)) {
    const magnitude = parts.weight * Math.max(Math.abs(parts.min), Math.abs(parts.max));
    const row = mixed.get(timeUs);
    const stamps = row && stampsOf(readings, timeUs, widthUs);
    const both = row ? mixParts({ ...row, ...stamps! }, parts, widthUs) : parts;
    mixed.set(timeUs, { ...both, timeUs, magnitude: magnitude + widthUs * (row?.magnitude ?? 0) });
  }
  return [...mixed.values()].sort((a, b) => a.timeUs - b.timeUs);
}

function* segmentBuckets(
  points: readonly Point[],
  how: SegmentReading,
  widthUs: number,
): Generator<[number, TimedParts]> {
  const segments = points.filter(({ form }) => form === 'segment');
  const unique = [...new Map(segments.map((point) => [point.timeUs, point])).values()];
  unique.sort((a, b) => a.timeUs - b.timeUs);
  const lastUs = unique.at(-1)?.timeUs ?? -Infinity;
  for (let fromUs = bucketStart(unique[0]?.timeUs ?? 0, widthUs); fromUs <= lastUs; fromUs += widthUs) {
    const before = unique.findLastIndex(({ timeUs }) => timeUs < fromUs);
    const behind = unique.findIndex(({ timeUs }) => timeUs >= fromUs + widthUs);
    const around = unique.slice(Math.max(0, before), behind < 0 ? undefined : behind + 1);
    const parts = segmentParts(around, how, fromUs, fromUs + widthUs);
    if (parts) yield [fromUs, parts];
  }
}

function stampsOf(points: readonly Point[], fromUs: number, widthUs: number): { firstUs: number; lastUs: number } {
  const times = points.map(({ timeUs }) => timeUs).filter((timeUs) => bucketStart(timeUs, widthUs) === fromUs);
  return { firstUs: Math.min(...times), lastUs: Math.max(...times) };
}
