import { describe, expect, it } from 'vitest';
import { catalogueHash, catalogueSchema } from '../../../core/contract/catalogue.js';
import { deviceStateSchema } from '../../../core/contract/device-events.js';
import { mayPublish, maySubscribe, mqttTopic, parseMqttTopic } from '../../../core/contract/mqtt-topics.js';
import { parseSeriesKey, seriesKey } from '../../../core/contract/names.js';
import { secondsToUs } from '../../../core/contract/time.js';
import { describeSensor, testCatalogue } from '../../support/packs.js';

const device = { site: 'plant1', device: 'press-07' };

describe('topics', () => {
  it('are made and parsed', () => {
    expect(parseMqttTopic(mqttTopic(device, 'result', 'r1'))).toEqual({ ...device, kind: 'result', id: 'r1' });
    expect(parseMqttTopic(mqttTopic(device, 'data'))).toEqual({ ...device, kind: 'data' });
  });

  it.each([
    '',
    'fieldline',
    'fieldline/a/b',
    'fieldline/a/b/data/x',
    'fieldline/a/b/result',
    'fieldline/+/b/data',
    'other/a/b/data',
    'fieldline/a/b/data/',
    'fieldline/a//data',
    '$SYS/a/b/data',
  ])('refuse %j', (topic) => expect(parseMqttTopic(topic)).toBeUndefined());

  it('a device writes only its data, alert, state and results', () => {
    for (const kind of ['data', 'alert', 'state'] as const)
      expect(mayPublish(device, mqttTopic(device, kind))).toBe(true);
    expect(mayPublish(device, mqttTopic(device, 'result', 'x'))).toBe(true);
    expect(mayPublish(device, mqttTopic(device, 'config'))).toBe(false);
    expect(mayPublish(device, mqttTopic(device, 'command', 'x'))).toBe(false);
    expect(mayPublish(device, mqttTopic({ ...device, device: 'press-08' }, 'data'))).toBe(false);
  });

  it('a device reads only its config and commands', () => {
    const own = 'fieldline/plant1/press-07';
    for (const filter of [`${own}/config`, `${own}/command/+`, `${own}/command/#`, `${own}/command/42`])
      expect(maySubscribe(device, filter)).toBe(true);
    for (const filter of [
      '#',
      '+/+/+/+',
      `${own}/#`,
      `${own}/+`,
      `${own}/data`,
      'fieldline/plant1/+/config',
      `${own}x/config`,
      '$SYS/#',
      '$share/g/#',
    ]) {
      expect(maySubscribe(device, filter)).toBe(false);
    }
  });
});

describe('catalogues', () => {
  it('have a hash that depends on their content and not on the order of their keys', () => {
    const one = testCatalogue({ a: describeSensor(), b: describeSensor({ labels: { floor: '3', room: '12' } }) });
    const same = testCatalogue({ b: describeSensor({ labels: { room: '12', floor: '3' } }), a: describeSensor() });
    expect(catalogueHash(same)).toBe(catalogueHash(one));
    expect(catalogueHash(testCatalogue({ a: describeSensor() }))).not.toBe(catalogueHash(one));
    // Golden: a hash that changes would orphan what is already stored under it.
    expect(catalogueHash(testCatalogue(['a']))).toBe('cd5c9cfb105999bcbf97da8c0de1b8f6');
  });

  it('refuse units outside the registry', () => {
    const catalogue = testCatalogue({ a: { ...describeSensor(), unit: 'furlong' as 'm' } });
    expect(catalogueSchema.safeParse(catalogue).success).toBe(false);
  });
});

it('series keys are made and parsed', () => {
  expect(parseSeriesKey(seriesKey({ ...device, sensor: 't' }))).toEqual({ ...device, sensor: 't' });
  for (const text of ['a/b', 'a/b/c/d', 'a//c', '/a/b/c', 'a/b/c d']) expect(parseSeriesKey(text)).toBeUndefined();
});

it('seconds become microseconds by rounding', () => {
  // 1795251208.1 is stored a little below; truncation would give …099999.
  expect(secondsToUs(1795251208.1)).toBe(1795251208100000);
  for (let us = 0; us < 1_000_000; us += 997)
    expect(secondsToUs((1_795_251_208_000_000 + us) / 1e6)).toBe(1_795_251_208_000_000 + us);
});

it('device states are told apart by their type', () => {
  const state = {
    session: '0123456789abcdef',
    epoch: 'a'.repeat(32),
    lastSeq: -1,
    oldestHeld: 0,
    timeUs: 1,
    pending: 0,
    bytes: 0,
  };
  expect(deviceStateSchema.parse({ type: 'heartbeat', ...state })).toMatchObject({ type: 'heartbeat' });
  expect(deviceStateSchema.safeParse({ type: 'heartbeat', ...state, lastSeq: -2 }).success).toBe(false);
  expect(deviceStateSchema.safeParse({ type: 'rumour' }).success).toBe(false);
});
