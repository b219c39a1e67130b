import { describe, expect, it } from 'vitest';
import { FatalError, RejectedError, RetryableError } from '../../../core/runtime/errors.js';
import { Hampel } from '../../../core/signal/detectors/hampel.js';
import { Threshold } from '../../../core/signal/detectors/threshold.js';
import { Pipeline } from '../../../core/signal/pipeline.js';
import { PassThrough } from '../../../core/signal/reducers/pass-through.js';
import { WindowReducer } from '../../../core/signal/reducers/window.js';
import { ManualClock, settle } from '../../support/manual-clock.js';
import { ScriptedSensor, testAgent } from './fakes.js';

const startUs = Date.UTC(2026, 10, 21, 10, 0, 0) * 1000;
const seconds = (timeUs: number) => (timeUs - startUs) / 1e6;

describe('sampling', () => {
  it('reads each sensor on its own aligned schedule', async () => {
    const clock = new ManualClock(startUs + 400_000);
    const [fast, slow] = [new ScriptedSensor(clock, ['fast']), new ScriptedSensor(clock, ['slow'])];
    const { agent } = testAgent(clock, {
      sensors: [
        { name: 'fast', sensor: fast, intervalMs: 500 },
        { name: 'slow', sensor: slow, intervalMs: 2000 },
      ],
    });
    await agent.start();
    await clock.advance(5000);
    expect(fast.readAtUs.map(seconds)).toEqual([0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5]);
    expect(slow.readAtUs.map(seconds)).toEqual([2, 4]);
    expect(agent.status().sensors[0]).toMatchObject({ state: 'ready', failures: 0, missed: 0, maxJitterMs: 0 });
  });

  it('is not held up by a sensor that hangs, and starts that one anew', async () => {
    const clock = new ManualClock();
    const [dead, live] = [new ScriptedSensor(clock, ['dead']), new ScriptedSensor(clock, ['live'])];
    dead.readMs = Infinity;
    const { agent } = testAgent(clock, {
      sensors: [
        { name: 'dead', sensor: dead, intervalMs: 1000, timeoutMs: 3000 },
        { name: 'live', sensor: live, intervalMs: 1000 },
      ],
    });
    await agent.start();
    await clock.advance(3900);
    expect(live.readAtUs).toHaveLength(3);
    expect(dead.readAtUs).toHaveLength(1);
    expect(agent.status().sensors[0]).toMatchObject({ state: 'reading', missed: 2 });
    dead.readMs = 0;
    await clock.advance(3000);
    expect(dead.calls).toEqual(['start', 'stop', 'start']);
    expect(agent.status().sensors[0]).toMatchObject({ state: 'ready', failures: 1, lastError: undefined });
    expect(live.readAtUs).toHaveLength(6);
  });

  it('backs off from a sensor that fails, and comes back', async () => {
    const clock = new ManualClock();
    const sensor = new ScriptedSensor(clock, ['a']);
    sensor.readFault = new RetryableError('unavailable', 'no answer');
    const { agent } = testAgent(clock, { sensors: [{ name: 'a', sensor, intervalMs: 100 }] });
    await agent.start();
    await clock.advance(60_000);
    // Half a second, doubled each time: some ten tries in a minute, not six hundred.
    expect(sensor.readAtUs.length).toBeLessThan(10);
    expect(agent.status().sensors[0]).toMatchObject({ lastError: 'no answer' });
    sensor.readFault = undefined;
    await clock.advance(60_000);
    expect(agent.status().sensors[0]).toMatchObject({ state: 'ready', lastError: undefined });
  });

  it('takes up a sensor that was not there at the start, and describes it then', async () => {
    const clock = new ManualClock();
    const sensor = new ScriptedSensor(clock, ['late']);
    sensor.startFault = new RetryableError('unavailable', 'not plugged in');
    const { agent, catalogue, outbox } = testAgent(clock, { sensors: [{ name: 'usb', sensor, intervalMs: 1000 }] });
    let changes = 0;
    catalogue.onChange(() => (changes += 1));
    await agent.start();
    await clock.advance(3000);
    expect(catalogue.current.catalogue.sensors).toEqual({});
    sensor.startFault = undefined;
    await clock.advance(5000);
    expect(Object.keys(catalogue.current.catalogue.sensors)).toEqual(['late']);
    expect(changes).toBe(1);
    expect(outbox.packs()[0]!.catalogue).toBe(catalogue.current.hash);
  });

  it('lets a sensor that never can be started rest', async () => {
    const clock = new ManualClock();
    const sensor = new ScriptedSensor(clock, ['a']);
    sensor.startFault = new FatalError('unavailable', 'no such bus');
    const { agent } = testAgent(clock, { sensors: [{ name: 'a', sensor, intervalMs: 1000 }] });
    await agent.start();
    await clock.advance(300_000);
    expect(sensor.calls).toEqual(['start', 'stop']);
    expect(agent.status().sensors[0]).toMatchObject({ state: 'failed', lastError: 'no such bus' });
  });

  it('gives a channel to one sensor only', async () => {
    const clock = new ManualClock();
    const sensors = ['first', 'second'].map((name) => ({
      name,
      sensor: new ScriptedSensor(clock, ['temp']),
      intervalMs: 1000,
    }));
    const { agent, outbox } = testAgent(clock, { sensors });
    await agent.start();
    await clock.advance(2500);
    expect(agent.status().sensors.map(({ state }) => state)).toEqual(['ready', 'failed']);
    expect(agent.status().sensors[1]!.lastError).toBe('first already has a channel temp');
    expect(outbox.points()).toHaveLength(2);
  });

  it('reads a building of hundreds of channels through one sensor', async () => {
    const clock = new ManualClock();
    const names = Array.from({ length: 800 }, (_, i) => `room-${i}.temp`);
    const sensor = new ScriptedSensor(clock, names);
    const { agent, outbox } = testAgent(clock, { sensors: [{ name: 'building', sensor, intervalMs: 5000 }] });
    await agent.start();
    await clock.advance(16_000);
    expect(outbox.points()).toHaveLength(2400);
    expect(outbox.packs().map(({ points }) => points.length)).toEqual([500, 300, 500, 300, 500, 300]);
  });
});

describe('what no pack could carry', () => {
  it('is dropped with its reason', async () => {
    const clock = new ManualClock();
    const values = [1, NaN, Infinity, 'x'.repeat(5000), 'short', true];
    const sensor = new ScriptedSensor(clock, ['a'], (n) => values[n]);
    const { agent, outbox } = testAgent(clock, { sensors: [{ name: 'a', sensor, intervalMs: 1000 }] });
    await agent.start();
    await clock.advance(6500);
    await agent.stop(1000);
    expect(outbox.points().map(({ value }) => value)).toEqual([1, 'short', true]);
    const reasons = { 'not-finite': 2, 'text-too-long': 1 };
    expect(agent.status()).toMatchObject({ in: 6, out: 3, dropped: 3, inFlight: 0, reasons });
  });

  it('is a time before SenML can tell it from a relative one, and a channel nobody described', async () => {
    const clock = new ManualClock(0);
    const sensor = new ScriptedSensor(clock, ['a', 'b']);
    const { agent } = testAgent(clock, { sensors: [{ name: 'a', sensor, intervalMs: 1000 }] });
    await agent.start();
    sensor.channels = { a: sensor.channels['a']!, c: sensor.channels['b']! };
    await clock.advance(1500);
    expect(agent.status().reasons).toEqual({ 'bad-time': 1, 'unknown-channel': 1 });
  });

  it('is not two readings with one stamp: the later is moved', async () => {
    const clock = new ManualClock();
    const frozen = Object.assign(Object.create(clock) as ManualClock, { nowUs: () => startUs });
    const sensor = new ScriptedSensor(frozen, ['a']);
    const { agent, outbox } = testAgent(clock, { sensors: [{ name: 'a', sensor, intervalMs: 1000 }] });
    await agent.start();
    await clock.advance(3500);
    expect(outbox.points().map(({ timeUs }) => timeUs - startUs)).toEqual([0, 1, 2]);
  });
});

describe('packs', () => {
  it('are cut after the delay, and carry the catalogue that describes them', async () => {
    const clock = new ManualClock();
    const sensor = new ScriptedSensor(clock, ['a', 'b']);
    const { agent, outbox, catalogue } = testAgent(clock, {
      sensors: [{ name: 'a', sensor, intervalMs: 50 }],
      packDelayMs: 120,
    });
    await agent.start();
    await clock.advance(1000);
    const packs = outbox.packs();
    // Between the first reading at 50 ms and 170 ms there are three reads of two readings.
    expect(packs[0]!.points).toHaveLength(6);
    expect(packs.map(({ seq }) => seq)).toEqual(packs.map((_, i) => i));
    expect(new Set(packs.map((pack) => pack.catalogue))).toEqual(new Set([catalogue.current.hash]));
    expect(packs[0]!.units.get('a')).toBe('Cel');
  });

  it('stay far below the size of a payload, however long the text is', async () => {
    const clock = new ManualClock();
    const names = Array.from({ length: 400 }, (_, i) => `log-${i}`);
    const sensor = new ScriptedSensor(clock, names, () => '\u0001'.repeat(4096));
    const { agent, outbox } = testAgent(clock, {
      sensors: [{ name: 'a', sensor, intervalMs: 1000 }],
      coding: 'identity',
    });
    await agent.start();
    await clock.advance(1500);
    expect(outbox.points()).toHaveLength(400);
    expect(Math.max(...outbox.entries.map(({ payload }) => payload.byteLength))).toBeLessThan(600_000);
  });
});

describe('while the outbox is full', () => {
  const full = new RetryableError('disk-full', 'no room');

  it('readings wait in memory, and none is lost', async () => {
    const clock = new ManualClock();
    const sensor = new ScriptedSensor(clock, ['a']);
    const { agent, outbox } = testAgent(clock, { sensors: [{ name: 'a', sensor, intervalMs: 100 }] });
    outbox.fault = full;
    await agent.start();
    await clock.advance(30_050);
    expect(agent.status()).toMatchObject({ in: 300, out: 0, inFlight: 300, outboxFailure: 'no room' });
    outbox.fault = undefined;
    await clock.advance(10_000);
    await agent.stop(1000);
    expect(outbox.points().map(({ value }) => value)).toEqual(Array.from({ length: 400 }, (_, i) => i));
    expect(agent.status()).toMatchObject({ in: 400, out: 400, dropped: 0, inFlight: 0, outboxFailure: undefined });
  });

  it('the oldest are dropped beyond the bound, and counted', async () => {
    const clock = new ManualClock();
    const sensor = new ScriptedSensor(clock, ['a']);
    const { agent, outbox } = testAgent(clock, {
      sensors: [{ name: 'a', sensor, intervalMs: 100 }],
      packDelayMs: 0,
      maxWaitingPoints: 100,
    });
    outbox.fault = full;
    await agent.start();
    await clock.advance(30_050);
    expect(agent.status()).toMatchObject({ in: 300, dropped: 200, inFlight: 100, waitingPoints: 100 });
    outbox.fault = undefined;
    await clock.advance(6000);
    // The first that was kept is the one behind all that were dropped.
    expect(agent.status().reasons).toEqual({ 'outbox-full': outbox.points()[0]!.value });
    expect(outbox.points().length).toBeGreaterThanOrEqual(100);
  });

  it('a pack that can never be stored is set aside alone', async () => {
    const clock = new ManualClock();
    const sensor = new ScriptedSensor(clock, ['a']);
    const { agent, outbox } = testAgent(clock, {
      sensors: [{ name: 'a', sensor, intervalMs: 100 }],
      packDelayMs: 0,
    });
    let seen = 0;
    const refused = new Set<unknown>();
    outbox.fault = full;
    outbox.refuses = (entry) => {
      if (seen === 3) refused.add(entry);
      seen += 1;
      return refused.has(entry) ? new RejectedError('too-large', 'never') : undefined;
    };
    await agent.start();
    await clock.advance(1050);
    outbox.fault = undefined;
    await clock.advance(10_000);
    await agent.stop(1000);
    expect(agent.status()).toMatchObject({ reasons: { rejected: 1 }, inFlight: 0 });
    expect(outbox.points()).toHaveLength(agent.status().in - 1);
  });
});

describe('windows', () => {
  const reduced = () =>
    new Pipeline({ filters: [new Hampel({ mode: 'drop' })], reducer: new WindowReducer(10_000_000) });

  it('travel instead of their readings, which stay counted', async () => {
    const clock = new ManualClock(startUs - 500_000);
    const sensor = new ScriptedSensor(clock, ['a'], (n) => (n === 25 ? 1000 : 20));
    const { agent, outbox } = testAgent(clock, {
      sensors: [{ name: 'a', sensor, intervalMs: 1000 }],
      pipelineFor: reduced,
    });
    await agent.start();
    await clock.advance(60_000);
    // The window that was begun when the agent came up goes out raw: who ran before may have sent it.
    const forms = outbox.points().map(({ form }) => form);
    expect(forms).toEqual([...Array<string>(10).fill('raw'), ...Array<string>(4).fill('window')]);
    expect(agent.status()).toMatchObject({ in: 60, dropped: 1, reasons: { spike: 1 }, out: 49, inFlight: 10 });
    await agent.stop(1000);
    expect(agent.status()).toMatchObject({ in: 60, out: 59, inFlight: 0 });
  });

  it('end by the clock, though the sensor has fallen silent', async () => {
    const clock = new ManualClock(startUs - 500_000);
    const sensor = new ScriptedSensor(clock, ['a'], (n) => (n < 14 ? n : undefined));
    const { agent, outbox } = testAgent(clock, {
      sensors: [{ name: 'a', sensor, intervalMs: 1000 }],
      pipelineFor: reduced,
    });
    await agent.start();
    await clock.advance(20_700);
    expect(outbox.points().at(-1)).toMatchObject({ form: 'raw' });
    await clock.advance(600);
    expect(outbox.points().at(-1)).toMatchObject({ form: 'window', timeUs: startUs + 10e6, window: { count: 4 } });
  });
});

describe('alerts', () => {
  const watched = () =>
    new Pipeline({
      detectors: [new Threshold({ rule: 'hot', severity: 'critical', side: 'above', threshold: 5 })],
      reducer: new PassThrough(),
    });

  it('go out at once, ahead of the pack that is still open', async () => {
    const clock = new ManualClock();
    const sensor = new ScriptedSensor(clock, ['a', 'b'], (n) => n * 6);
    const { agent, outbox } = testAgent(clock, {
      sensors: [{ name: 'a', sensor, intervalMs: 1000 }],
      pipelineFor: watched,
      packDelayMs: 10_000,
    });
    await agent.start();
    await clock.advance(2010);
    expect(outbox.entries.map(({ lane, readings }) => [lane, readings])).toEqual([['alert', 0]]);
    const [pack] = outbox.alerts();
    expect(pack).toMatchObject({ site: 'plant1', device: 'press-07', seq: 0, epoch: outbox.epoch });
    expect(pack!.alerts.map(({ sensor: name, state }) => `${name} ${state}`)).toEqual(['a raised', 'b raised']);
  });

  it('wait with the readings while the outbox is full', async () => {
    const clock = new ManualClock();
    const sensor = new ScriptedSensor(clock, ['a'], (n) => (n % 2) * 6);
    const { agent, outbox } = testAgent(clock, {
      sensors: [{ name: 'a', sensor, intervalMs: 1000 }],
      pipelineFor: watched,
    });
    outbox.fault = new RetryableError('disk-full', 'no room');
    await agent.start();
    await clock.advance(4500);
    outbox.fault = undefined;
    await clock.advance(5000);
    const states = outbox.alerts().flatMap(({ alerts }) => alerts.map(({ state }) => state));
    expect(states.slice(0, 3)).toEqual(['raised', 'cleared', 'raised']);
  });
});

describe('stopping', () => {
  it('waits for the read in work and writes it', async () => {
    const clock = new ManualClock();
    const sensor = new ScriptedSensor(clock, ['a']);
    sensor.readMs = 200;
    const { agent, outbox } = testAgent(clock, { sensors: [{ name: 'a', sensor, intervalMs: 1000 }] });
    await agent.start();
    await clock.advance(1100);
    const stopped = agent.stop(3000);
    await clock.advance(150);
    await stopped;
    expect(outbox.points()).toHaveLength(1);
    expect(sensor.calls).toEqual(['start', 'stop']);
    await clock.advance(5000);
    expect(agent.status()).toMatchObject({ in: 1, out: 1, inFlight: 0 });
    await agent.stop(100);
  });

  it('gives up at its deadline, and says what was lost', async () => {
    const clock = new ManualClock();
    const sensor = new ScriptedSensor(clock, ['a']);
    const { agent, outbox } = testAgent(clock, { sensors: [{ name: 'a', sensor, intervalMs: 100 }] });
    outbox.fault = new RetryableError('disk-full', 'no room');
    await agent.start();
    await clock.advance(1050);
    const stopped = agent.stop(2000);
    await clock.advance(2100);
    await stopped;
    expect(agent.status()).toMatchObject({ in: 10, reasons: { stopped: 10 }, inFlight: 0 });
  });

  it('stops a sensor whose start came through too late', async () => {
    const clock = new ManualClock();
    const sensor = new ScriptedSensor(clock, ['a']);
    let open: () => void = () => undefined;
    sensor.start = () => new Promise((resolve) => (open = resolve));
    const { agent } = testAgent(clock, { sensors: [{ name: 'a', sensor, intervalMs: 100 }] });
    const started = agent.start();
    await clock.advance(5000);
    await started;
    const stopped = agent.stop(1000);
    await clock.advance(1000);
    await stopped;
    open();
    await settle();
    expect(sensor.calls).toEqual(['stop', 'stop']);
  });

  it('may be followed by another start', async () => {
    const clock = new ManualClock();
    const sensor = new ScriptedSensor(clock, ['a']);
    const { agent } = testAgent(clock, { sensors: [{ name: 'a', sensor, intervalMs: 1000 }] });
    await agent.start();
    await agent.start();
    await clock.advance(1500);
    await agent.stop(1000);
    await agent.start();
    await clock.advance(2000);
    await agent.stop(1000);
    expect(agent.status()).toMatchObject({ in: 3, out: 3 });
  });
});

it('publishes its counters', async () => {
  const clock = new ManualClock();
  const sensor = new ScriptedSensor(clock, ['a']);
  const { agent, registry } = testAgent(clock, { sensors: [{ name: 'a', sensor, intervalMs: 1000 }] });
  await agent.start();
  await clock.advance(2500);
  const text = await registry.metrics();
  expect(text).toMatch(/^fieldline_edge_agent_readings_in_total 2$/m);
  expect(text).toMatch(/^fieldline_edge_agent_readings_out_total 2$/m);
  expect(text).toMatch(/^fieldline_edge_sampling_jitter_seconds_count 2$/m);
  expect(text).toMatch(/^fieldline_edge_waiting_points 0$/m);
});
