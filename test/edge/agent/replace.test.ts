import { describe, expect, it, onTestFinished } from 'vitest';
import { RejectedError } from '../../../core/runtime/errors.js';
import type { Reading } from '../../../core/contract/reading.js';
import { systemClock } from '../../../core/runtime/clock.js';
import type { Filter } from '../../../core/signal/filter.js';
import { Pipeline } from '../../../core/signal/pipeline.js';
import { PassThrough } from '../../../core/signal/reducers/pass-through.js';
import { WindowReducer } from '../../../core/signal/reducers/window.js';
import type { AgentOptions } from '../../../edge/agent.js';
import type { Sensor } from '../../../edge/sensors/sensor.js';
import { ManualClock, settle } from '../../support/manual-clock.js';
import { describeSensor } from '../../support/packs.js';
import { waitFor } from '../../servers/wait-for.js';
import { ScriptedSensor, testAgent } from './fakes.js';
import { asSet, RecordingSensor } from './recording-sensor.js';

const raw: AgentOptions['pipelineFor'] = () => new Pipeline({ reducer: new PassThrough() });

async function running(options: Parameters<typeof testAgent>[1]) {
  const test = testAgent(systemClock, options);
  await test.agent.start();
  onTestFinished(() => test.agent.stop(1000));
  return test;
}

/** Speaks by itself: one reading for each `say`. */
class SpeakingSensor implements Sensor {
  readonly channels = { line: describeSensor() };
  private kept: Reading[] = [];
  readonly said: Reading[] = [];

  say(): void {
    const reading = { sensor: 'line', timeUs: systemClock.nowUs(), value: this.said.length, quality: 'good' as const };
    this.said.push(reading);
    this.kept.push(reading);
  }
  start = () => Promise.resolve();
  stop = () => Promise.resolve();
  read = () => Promise.resolve(this.kept.splice(0));
  takeDropped = () => new Map<string, number>();
}

/** Leaves out every second reading. */
class EverySecond implements Filter {
  private seen = 0;
  private dropped = 0;

  push(reading: Reading): readonly Reading[] {
    this.seen += 1;
    if (this.seen % 2 === 1) return [reading];
    this.dropped += 1;
    return [];
  }

  takeDropped(): ReadonlyMap<string, number> {
    const taken = new Map([['second', this.dropped]]);
    this.dropped = 0;
    return taken;
  }
}

describe('another setup while the agent runs', () => {
  it('loses and doubles no reading, ten times over', async () => {
    const sensors = Array.from(
      { length: 11 },
      () => new RecordingSensor(new ScriptedSensor(systemClock, ['a', 'b', 'c'], (n) => n)),
    );
    const schedule = (i: number) => [{ name: 'room', sensor: sensors[i]!, intervalMs: 5 + (i % 3) }];
    const { agent, outbox } = await running({ sensors: schedule(0), pipelineFor: raw });
    for (let i = 1; i < sensors.length; i += 1) {
      await waitFor('readings', 5000, () => sensors[i - 1]!.given.length > 10, 5);
      await agent.replace(
        { sensors: schedule(i), pipelineFor: raw, packDelayMs: i, packMaxReadings: 1 + i * 20 },
        1000,
      );
    }
    await waitFor('readings', 5000, () => sensors.at(-1)!.given.length > 10, 5);
    await agent.stop(1000);
    const given = sensors.flatMap((sensor) => sensor.given);
    expect(asSet(outbox.points())).toEqual(asSet(given));
    expect(agent.status()).toMatchObject({ in: given.length, out: given.length, dropped: 0, inFlight: 0 });
    const stamps = outbox.points().map(({ sensor, timeUs }) => `${sensor} ${timeUs}`);
    expect(new Set(stamps).size).toBe(stamps.length);
  });

  it('ends the open windows, and counts each reading once', async () => {
    const first = new RecordingSensor(new ScriptedSensor(systemClock, ['a'], (n) => n));
    const second = new RecordingSensor(new ScriptedSensor(systemClock, ['a'], (n) => n));
    const windows = () => new Pipeline({ reducer: new WindowReducer(100_000) });
    const { agent, outbox } = await running({
      sensors: [{ name: 'room', sensor: first, intervalMs: 5 }],
      pipelineFor: windows,
    });
    await waitFor('a window', 5000, () => outbox.points().some(({ form }) => form === 'window'), 5);
    await agent.replace({ sensors: [{ name: 'room', sensor: second, intervalMs: 5 }], pipelineFor: windows }, 1000);
    const before = outbox.points().length;
    await waitFor(
      'windows of the new one',
      5000,
      () =>
        outbox
          .points()
          .slice(before)
          .filter(({ form }) => form === 'window').length > 1,
      5,
    );
    await agent.stop(1000);
    const points = outbox.points();
    const counted = points.reduce((sum, { window }) => sum + (window?.count ?? 1), 0);
    expect(counted).toBe(first.given.length + second.given.length);
    expect(new Set(points.map(({ form, timeUs }) => `${form} ${timeUs}`)).size).toBe(points.length);
  });

  it('takes what a source that speaks by itself still keeps', async () => {
    const sensor = new SpeakingSensor();
    const { agent, outbox } = await running({
      sensors: [{ name: 'line', sensor, intervalMs: 3_600_000 }],
      pipelineFor: raw,
    });
    for (let i = 0; i < 5; i += 1) sensor.say();
    await agent.replace({ sensors: [], pipelineFor: raw }, 1000);
    await agent.stop(1000);
    expect(asSet(outbox.points())).toEqual(asSet(sensor.said));
  });

  it('is another catalogue, without the sensors of before', async () => {
    const sensor = (name: string) => new ScriptedSensor(systemClock, [name]);
    const { agent, catalogue } = await running({
      sensors: [{ name: 'old', sensor: sensor('old'), intervalMs: 1000 }],
      pipelineFor: raw,
    });
    await agent.replace(
      { sensors: [{ name: 'new', sensor: sensor('new'), intervalMs: 1000 }], pipelineFor: raw },
      1000,
    );
    expect(Object.keys(catalogue.current.catalogue.sensors)).toEqual(['new']);
  });

  it('does not take up a sensor that started too late', async () => {
    const slow = new ScriptedSensor(systemClock, ['a']);
    let open: () => void = () => undefined;
    slow.start = () => new Promise((resolve) => (open = resolve));
    const quick = new ScriptedSensor(systemClock, ['a']);
    const clock = new ManualClock();
    const schedule = (name: string, sensor: Sensor) => ({
      sensors: [{ name, sensor, intervalMs: 1000 }],
      pipelineFor: raw,
    });
    const { agent } = testAgent(clock, schedule('slow', slow));
    const started = agent.start();
    await clock.advance(5000);
    await started;
    const replaced = agent.replace(schedule('quick', quick), 100);
    await clock.advance(5000);
    await replaced;
    open();
    await settle();
    expect(agent.status().sensors).toMatchObject([{ name: 'quick', state: 'ready' }]);
  });
});

describe('the flow', () => {
  it('counts what is of use: not bad, not left out by a filter', async () => {
    const readings = (quality: 'good' | 'bad') => {
      const sensor = new ScriptedSensor(systemClock, [quality], (n) => n % 2);
      const read = sensor.read.bind(sensor);
      sensor.read = async () => (await read()).map((reading) => ({ ...reading, quality }));
      return { name: quality, sensor, intervalMs: 5 };
    };
    const half = () => new Pipeline({ filters: [new EverySecond()], reducer: new PassThrough() });
    const { agent } = await running({ sensors: [readings('good'), readings('bad')], pipelineFor: half });
    await waitFor('readings', 5000, () => agent.status().in > 40, 5);
    await agent.stop(1000);
    const flow = agent.flow();
    const [{ readings: given }] = agent.status().sensors as unknown as [{ readings: number }];
    expect(Math.abs(flow.get('good')!.useful - given / 2)).toBeLessThanOrEqual(1);
    expect(flow.get('bad')!.useful).toBeLessThanOrEqual(0);
  });
});

describe('a sensor', () => {
  it('is started anew when asked for by its name', async () => {
    const sensor = new ScriptedSensor(systemClock, ['a']);
    const { agent } = await running({ sensors: [{ name: 'room', sensor, intervalMs: 5 }], pipelineFor: raw });
    await agent.restartSensor('room');
    expect(sensor.calls).toEqual(['start', 'stop', 'start']);
    await waitFor('readings', 5000, () => agent.status().in > 3, 5);
    await expect(agent.restartSensor('cellar')).rejects.toThrow(RejectedError);
    sensor.startFault = new Error('gone');
    await expect(agent.restartSensor('room')).rejects.toThrow('gone');
  });
});
