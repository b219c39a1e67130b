import { expect, it } from 'vitest';
import type { Reading } from '../../../core/contract/reading.js';
import { FatalError, RetryableError } from '../../../core/runtime/errors.js';
import { ManualClock } from '../../support/manual-clock.js';
import { ScriptedSensor, testAgent } from './fakes.js';

const startUs = Date.UTC(2026, 10, 21, 10, 0, 0) * 1000;

/** All the ways in which a sensor can be of no use. */
const dead: Record<string, (sensor: ScriptedSensor) => void> = {
  'hangs in its start': (sensor) => (sensor.start = () => new Promise(() => undefined)),
  'hangs in its read': (sensor) => (sensor.read = () => new Promise(() => undefined)),
  'hangs, and does not let itself be stopped': (sensor) => {
    sensor.read = () => new Promise(() => undefined);
    sensor.stop = () => new Promise(() => undefined);
  },
  'is not there': (sensor) => (sensor.startFault = new RetryableError('unavailable', 'no such device')),
  'never can be started': (sensor) => (sensor.startFault = new FatalError('unavailable', 'no such bus')),
  'fails at each read': (sensor) => (sensor.readFault = new RetryableError('timeout', 'no answer')),
  'throws before it has made a promise': (sensor) => {
    sensor.read = () => {
      throw new TypeError('a mistake');
    };
  },
  'gives rubbish': (sensor) => {
    const rubbish = [{ sensor: 'nobody', timeUs: NaN, value: NaN, quality: 'odd' }, undefined];
    sensor.read = () => Promise.resolve(rubbish as unknown as Reading[]);
  },
  'gives no list at all': (sensor) => (sensor.read = () => Promise.resolve(undefined as unknown as Reading[])),
};

/** What a sensor that is well gives in twenty seconds, beside these. */
async function givenBeside(kill: ((sensor: ScriptedSensor) => void)[]): Promise<Reading[]> {
  const clock = new ManualClock(startUs);
  const live = new ScriptedSensor(clock, ['live']);
  const others = kill.map((apply, i) => {
    const sensor = new ScriptedSensor(clock, [`dead-${i}`]);
    apply(sensor);
    return { name: `dead-${i}`, sensor, intervalMs: 250, timeoutMs: 2000 };
  });
  const { agent, outbox } = testAgent(clock, {
    sensors: [...others, { name: 'live', sensor: live, intervalMs: 250 }],
    random: () => 0,
  });
  const started = agent.start();
  await clock.advance(20_000);
  await started;
  const stopped = agent.stop(3000);
  await clock.advance(3000);
  await stopped;
  return outbox.points().filter(({ sensor }) => sensor === 'live');
}

/** A start that hangs costs the others the first second, in which all are given the time for theirs. */
const fromSecond = (readings: readonly Reading[]) =>
  readings.filter(({ timeUs }) => timeUs > startUs + 1e6).map(({ timeUs, quality }) => `${timeUs} ${quality}`);

it('a sensor alone gives a reading at each tick', async () => {
  expect(await givenBeside([])).toHaveLength(80);
});

it.each(Object.entries(dead))('a sensor that %s takes no reading of another, and no time', async (_name, kill) => {
  expect(fromSecond(await givenBeside([kill]))).toEqual(fromSecond(await givenBeside([])));
});

it('nor do all of them together', async () => {
  expect(fromSecond(await givenBeside(Object.values(dead)))).toEqual(fromSecond(await givenBeside([])));
});

it('a start that hangs is given up like a read, and tried again when it has ended', async () => {
  const clock = new ManualClock(startUs);
  const sensor = new ScriptedSensor(clock, ['a']);
  const real = sensor.start.bind(sensor);
  let end: () => void = () => undefined;
  sensor.start = () => new Promise<void>((_resolve, reject) => (end = () => reject(new Error('stopped'))));
  sensor.stop = async () => end();
  const { agent } = testAgent(clock, { sensors: [{ name: 'a', sensor, intervalMs: 1000, timeoutMs: 3000 }] });
  const started = agent.start();
  await clock.advance(2500);
  expect(agent.status().sensors[0]).toMatchObject({ state: 'starting', failures: 0 });
  sensor.stop = async () => {
    sensor.start = real;
    end();
  };
  await clock.advance(5000);
  await started;
  expect(agent.status().sensors[0]).toMatchObject({ state: 'ready', lastError: undefined });
  expect(agent.status().sensors[0]!.failures).toBeGreaterThan(0);
});
