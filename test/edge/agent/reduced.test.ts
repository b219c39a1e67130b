import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { silentLogger } from '../../../core/runtime/logger.js';
import type { Value } from '../../../core/contract/reading.js';
import { readingsOf } from '../../../core/signal/pipeline.js';
import { segmentValue } from '../../../core/signal/segment-value.js';
import { channelDefaultsSchema, processingShape } from '../../../edge/processing.js';
import { edgeSensors } from '../../../edge/edge-sensors.js';
import { ManualClock } from '../../support/manual-clock.js';
import { noise } from '../../core/signal/series.js';
import { ScriptedSensor, testAgent } from './fakes.js';

const startUs = Date.UTC(2026, 10, 21, 10, 0, 0) * 1000;

function reducedAgent(clock: ManualClock, processing: object, valueAt: (n: number) => Value | undefined) {
  const sensor = new ScriptedSensor(clock, ['a'], valueAt);
  const own = z.strictObject(processingShape).parse(processing);
  const warnings: object[] = [];
  const logger = Object.assign(Object.create(silentLogger) as typeof silentLogger, {
    warn: (fields: object) => void warnings.push(fields),
  });
  const extra = [{ name: 'a', sensor, intervalMs: 1000, processing: { own } }];
  const sensors = edgeSensors({ sensors: [], channels: channelDefaultsSchema.parse({}) }, extra, { clock, logger });
  return { ...testAgent(clock, sensors), warnings };
}

const wave = noise(1200, 0, 0.2).map((value, n) => Math.round(10 * (20 + 8 * Math.sin(n / 40) + value)) / 10);

describe.each(['swing', 'swingingDoor', 'deadband'] as const)('%s', (kind) => {
  it('is told by the catalogue, and every reading is counted once at every moment', async () => {
    const clock = new ManualClock(startUs - 500_000);
    const { agent, outbox, catalogue } = reducedAgent(clock, { reduce: { [kind]: 1 } }, (n) => wave[n]);
    await agent.start();
    for (let step = 0; step < 12; step += 1) {
      await clock.advance(100_000);
      const { in: taken, out, dropped, inFlight } = agent.status();
      expect(taken).toBe(out + dropped + inFlight);
      expect(inFlight).toBeLessThanOrEqual(2);
    }
    await agent.stop(1000);
    const points = outbox.points();
    const segments = points.filter(({ form }) => form === 'segment');
    const { reasons, in: taken, out, inFlight } = agent.status();
    expect(taken).toBe(1200);
    expect(out).toBe(points.reduce((sum, point) => sum + readingsOf(point), 0));
    expect([reasons, inFlight]).toEqual([{ reduced: 1200 - out }, 0]);
    expect(out).toBeLessThan(400);
    const { interpolation, maxGapUs } = catalogue.current.catalogue.sensors['a']!;
    expect(interpolation).toBe(kind === 'deadband' ? 'hold' : 'linear');
    for (const [n, value] of wave.entries()) {
      const timeUs = startUs + n * 1_000_000;
      const at = segments.findLastIndex((point) => point.timeUs <= timeUs);
      const read = segmentValue(segments[at]!, segments[at + 1], timeUs, { interpolation, maxGapUs });
      if (segments.some((point) => point.timeUs === timeUs && point.quality === 'spike')) continue;
      expect(Math.abs(read! - value)).toBeLessThanOrEqual(kind === 'swingingDoor' ? 2 : 1);
    }
  });
});

it('an outbox that is full for a while loses no count of reduced readings', async () => {
  const clock = new ManualClock(startUs - 500_000);
  const { agent, outbox } = reducedAgent(clock, { reduce: { swing: 1 } }, (n) => wave[n]);
  outbox.fault = new Error('no room');
  await agent.start();
  await clock.advance(300_000);
  expect(agent.status()).toMatchObject({ out: 0, in: 300 });
  outbox.fault = undefined;
  await clock.advance(10_000);
  await agent.stop(1000);
  const { in: taken, out, reasons } = agent.status();
  expect(taken).toBe(310);
  expect(reasons).toEqual({ reduced: 310 - out });
});

it('a spike goes out with its surroundings, which nobody counts', async () => {
  const clock = new ManualClock(startUs - 500_000);
  const reduce = { window: '1m', context: { beforeMs: '3s', afterMs: '2s' } };
  const { agent, outbox } = reducedAgent(clock, { reduce }, (n) => (n === 150 ? 500 : 20 + (n % 3) / 10));
  await agent.start();
  await clock.advance(240_500);
  await agent.stop(1000);
  const context = outbox.points().filter(({ form }) => form === 'context');
  const at = context.map(({ timeUs }) => (timeUs - startUs) / 1e6).sort((a, b) => a - b);
  expect(at).toEqual([147, 148, 149, 150, 151, 152]);
  const { in: taken, out, dropped } = agent.status();
  expect([taken, dropped]).toEqual([out, 0]);
});

it('the catalogue says the unit that readings are converted to, and each step sees the unit before it', async () => {
  const clock = new ManualClock(startUs - 500_000);
  const filters = [
    { filter: 'convert', from: 'degF', to: 'Cel' },
    { filter: 'convert', to: 'K' },
    { filter: 'range', max: 300 },
  ];
  const { agent, outbox, catalogue } = reducedAgent(clock, { filters, alerts: [{ above: 299 }] }, (n) => [68, 86][n]);
  await agent.start();
  await clock.advance(2500);
  await agent.stop(1000);
  expect(catalogue.current.catalogue.sensors['a']).toMatchObject({ unit: 'K', interpolation: 'none' });
  expect(outbox.points().map(({ value, quality }) => [value, quality])).toEqual([
    [293.15, 'good'],
    [303.15, 'out-of-range'],
  ]);
  expect(outbox.packs().every(({ units }) => units.get('a') === 'K')).toBe(true);
});

it('a unit that cannot be converted is a fault of that sensor alone', async () => {
  const clock = new ManualClock(startUs);
  const { agent } = reducedAgent(clock, { filters: [{ filter: 'convert', to: 'W' }] }, (n) => n);
  await agent.start();
  await clock.advance(2500);
  const [sensor] = agent.status().sensors;
  expect(sensor).toMatchObject({ state: 'failed', lastError: 'convert: Cel cannot be converted to W' });
});

it('a tolerance below the smallest step is told once', async () => {
  const clock = new ManualClock(startUs);
  const { agent, warnings } = reducedAgent(clock, { reduce: { swing: 0.05 } }, (n) => wave[n]);
  await agent.start();
  await clock.advance(1_000_000);
  await agent.stop(1000);
  expect(warnings).toEqual([{ channel: 'a', smallestStep: expect.closeTo(0.1) as number, unit: 'Cel' }]);
});
