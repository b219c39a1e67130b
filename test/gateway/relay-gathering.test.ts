import { Registry } from 'prom-client';
import { expect, it, onTestFinished } from 'vitest';
import { decodePack } from '../../core/contract/pack.js';
import type { EventLog } from '../../core/log/log.js';
import { RejectedError, RetryableError } from '../../core/runtime/errors.js';
import { systemClock as clock } from '../../core/runtime/clock.js';
import { silentLogger as logger } from '../../core/runtime/logger.js';
import { decodeData } from '../../gateway/intake/decode-data.js';
import { NewestBirths } from '../../gateway/intake/newest-births.js';
import { Relay } from '../../gateway/relay/relay.js';
import { waitFor } from '../servers/wait-for.js';
import { FaultyLog } from '../support/faulty-log.js';
import { MemoryLog } from '../support/memory-log.js';
import { packOf } from './harness.js';

const partitions = 4;
const numberOf = (name: string) => Number(/\d+$/.exec(name)![0]);

/** A relay over a log with partitions: device n belongs to partition n modulo 4. */
async function setUp() {
  const memory = new MemoryLog();
  const faulty = new FaultyLog(memory);
  const log: EventLog = Object.assign(faulty, {
    partitionOf: (topic: string, key: string) => (topic === 'sensor-readings' ? numberOf(key) % partitions : undefined),
  });
  await log.ensureTopics([{ name: 'sensor-readings', partitions, compression: 'none' }]);
  await log.ensureTopics([{ name: 'dead-letters', partitions: 1, compression: 'none' }]);
  const relay = new Relay({ log, clock, random: Math.random, logger, registry: new Registry() });
  await relay.start();
  onTestFinished(() => relay.stop(100));
  const settled = new Map<string, number[]>();
  const submit = (device: string, seq: number) => {
    const topic = { site: 'plant1', device, kind: 'data' } as const;
    const settle = () => void settled.set(device, [...(settled.get(device) ?? []), seq]);
    const message = { topic, payload: packOf(topic, seq), receivedUs: 0, settle };
    relay.submit(message, decodeData(message, new NewestBirths()));
  };
  const stored = (device: string) =>
    memory.records('sensor-readings').flatMap(({ key, value }) => (key === `plant1/${device}` ? [decodePack(value).seq] : [])); // prettier-ignore
  return { faulty, relay, memory, settled, submit, stored };
}

const names = Array.from({ length: 12 }, (_, i) => `device-${i}`);
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

it('devices of one partition share appends, each in its order', async () => {
  const { faulty, submit, settled, stored } = await setUp();
  for (let seq = 0; seq < 30; seq += 1) for (const name of names) submit(name, seq);
  await waitFor('all', 10_000, () => names.every((name) => settled.get(name)?.length === 30));
  for (const name of names) expect([settled.get(name), stored(name)]).toEqual([upTo(30), upTo(30)]);
  expect(faulty.appends.length).toBeLessThan(30);
  for (const { records } of faulty.appends) {
    expect(new Set(records.map(({ key }) => numberOf(key) % partitions)).size).toBe(1);
  }
});

it('a partition that is stuck holds back no other, and loses nothing when it is back', async () => {
  const { faulty, submit, settled, stored } = await setUp();
  let isStuck = true;
  faulty.fault = (_topic, records) =>
    isStuck && numberOf(records[0]!.key) % partitions === 1
      ? { error: new RetryableError('unavailable', 'no leader') }
      : undefined;
  for (let seq = 0; seq < 10; seq += 1) for (const name of names) submit(name, seq);
  const free = names.filter((name) => numberOf(name) % partitions !== 1);
  await waitFor('the others', 10_000, () => free.every((name) => settled.get(name)?.length === 10));
  expect(settled.size).toBe(free.length);
  isStuck = false;
  await waitFor('all', 10_000, () => names.every((name) => settled.get(name)?.length === 10));
  for (const name of names) expect([settled.get(name), stored(name)]).toEqual([upTo(10), upTo(10)]);
});

it('a record that the log refuses is set aside, and its neighbours of the same append are stored', async () => {
  const { faulty, memory, submit, settled, stored } = await setUp();
  faulty.fault = (topic, records) =>
    topic === 'sensor-readings' && records.some(({ key, value }) => key.endsWith('-5') && decodePack(value).seq === 3)
      ? { error: new RejectedError('too-large', 'a record of 2 MiB') }
      : undefined;
  for (let seq = 0; seq < 6; seq += 1) for (const name of names) submit(name, seq);
  await waitFor('all', 10_000, () => names.every((name) => settled.get(name)?.length === 6));
  for (const name of names) {
    expect(settled.get(name)).toEqual(upTo(6));
    expect(stored(name)).toEqual(name === 'device-5' ? [0, 1, 2, 4, 5] : upTo(6));
  }
  expect(memory.records('dead-letters')).toHaveLength(1);
});
