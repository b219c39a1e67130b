import { beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { systemClock, type Clock } from '../../../../core/runtime/clock.js';
import { mqttChannelsSchema } from '../../../../edge/sensors/mqtt-in/channels.js';
import { mqttInDriver } from '../../../../edge/sensors/mqtt-in/driver.js';
import { Intake, type IntakeOptions } from '../../../../edge/sensors/mqtt-in/intake.js';
import { ReadingBuffer } from '../../../../edge/sensors/reading-buffer.js';
import { tasmotaSensor, tasmotaState, zigbeeClimate, zigbeeContact, zigbeeUnknown } from './payloads.js';

let nowUs = 0;
const clock: Clock = { ...systemClock, nowUs: () => nowUs };
let buffer: ReadingBuffer;
beforeEach(() => {
  nowUs = 1_795_000_000_000_000;
  buffer = new ReadingBuffer(1000);
});

const channel = (name: string, options: object) => ({ name, quantity: 'q', unit: '/', topic: 'dev', ...options });

function intake(channels: readonly object[], options: Partial<IntakeOptions> = {}): (...said: unknown[]) => void {
  const parsed = mqttChannelsSchema.parse(channels);
  const made = new Intake({ channels: parsed, clock, buffer, retained: 'ignore', maxPayloadBytes: 1000, ...options });
  return (topic, payload, isRetained = false) => {
    const text = typeof payload === 'string' ? payload : JSON.stringify(payload);
    made.take({ topic: topic as string, payload: Buffer.from(text), isRetained: isRetained as boolean });
  };
}

const taken = () => buffer.take().map(({ sensor, value, quality }) => [sensor, value, quality]);
const dropped = () => Object.fromEntries(buffer.takeDropped());

describe('what devices say', () => {
  it('zigbee2mqtt: several channels of one message, and no reading for what is null or missing', () => {
    const say = intake([
      channel('t', { path: 'temperature' }),
      channel('p', { path: 'pressure', scale: 100 }),
      channel('open', { topic: 'door', path: 'contact', type: 'boolean' }),
    ]);
    say('dev', zigbeeClimate);
    expect(taken()).toEqual([
      ['t', 21.57, 'good'],
      ['p', 101_240, 'good'],
    ]);
    say('dev', zigbeeUnknown);
    say('dev', { linkquality: 12 });
    say('other', zigbeeClimate);
    say('door', zigbeeContact);
    expect(taken()).toEqual([['open', false, 'good']]);
    expect(dropped()).toEqual({});
  });

  it('Tasmota: nested keys with a dash, text for a switch', () => {
    const say = intake([
      channel('w', { topic: 'tele/p/SENSOR', path: 'ENERGY.Power' }),
      channel('t', { topic: 'tele/p/SENSOR', path: 'DS18B20-1.Temperature' }),
      channel('on', { topic: 'tele/p/STATE', path: 'POWER', type: 'boolean' }),
      channel('rssi', { topic: 'tele/p/STATE', path: 'Wifi.Signal' }),
      channel('up', { topic: 'tele/p/STATE', path: 'Uptime', type: 'text' }),
    ]);
    say('tele/p/SENSOR', tasmotaSensor);
    say('tele/p/STATE', tasmotaState);
    expect(taken()).toEqual([
      ['w', 61, 'good'],
      ['t', 40.2, 'good'],
      ['on', true, 'good'],
      ['rssi', -61, 'good'],
      ['up', '3T04:12:44', 'good'],
    ]);
  });

  it('a plain number, switch and text', () => {
    const say = intake([channel('n', {}), channel('b', { type: 'boolean' }), channel('s', { type: 'text' })]);
    say('dev', '1');
    expect(taken().map(([, value]) => value)).toEqual([1, true, '1']);
    say('dev', 'OFF');
    expect(taken().map(([, value]) => value)).toEqual([false, 'OFF']);
    expect(dropped()).toEqual({ 'bad-value': 1 });
  });

  it('one series of several devices, if asked for', () => {
    const say = intake([channel('any', { topic: 'room/+/t', merge: true })]);
    say('room/a/t', '1');
    say('room/b/t', '2');
    say('room/b/x', '3');
    expect(taken().map(([, value]) => value)).toEqual([1, 2]);
  });

  it('what cannot be read is counted by its reason', () => {
    const say = intake([channel('t', { path: 't' }), channel('u', { path: 'u' }), channel('n', { topic: 'plain' })]);
    say('dev', 'no json');
    say('dev', { t: 'warm', u: 5 });
    say('dev', `{"t":${' '.repeat(1000)}1}`);
    say('dev', { t: 1 }, true);
    say('plain', '{"t":1}');
    say('dev', '');
    expect(dropped()).toEqual({ 'bad-json': 2, 'bad-value': 2, 'too-large': 2, retained: 2 });
    expect(taken()).toEqual([['u', 5, 'good']]);
  });

  it('its own time counts if there is a path to it, and no time is no reading', () => {
    const say = intake([
      channel('t', { path: 'temperature', timePath: 'last_seen' }),
      channel('now', { path: 'temperature' }),
    ]);
    say('dev', zigbeeClimate);
    expect(buffer.take().map(({ timeUs }) => timeUs)).toEqual([Date.UTC(2026, 10, 21, 13, 3, 11) * 1000, nowUs]);
    say('dev', { temperature: 5, last_seen: 1_795_000_000_123 });
    expect(buffer.take()[0]!.timeUs).toBe(1_795_000_000_123_000);
    say('dev', { temperature: 5 });
    say('dev', { temperature: 5, last_seen: 'yesterday' });
    expect(dropped()).toEqual({ 'bad-time': 2 });
    expect(taken()).toEqual([
      ['now', 5, 'good'],
      ['now', 5, 'good'],
    ]);
  });

  it('a retained message may be the first reading, and no later one', () => {
    const say = intake([channel('t', { path: 't' })], { retained: 'uncertain' });
    say('dev', { t: 1 }, true);
    say('dev', { t: 1 }, true);
    say('dev', { t: 2 });
    say('dev', { t: 1 }, true);
    expect(taken()).toEqual([
      ['t', 1, 'uncertain'],
      ['t', 2, 'good'],
    ]);
    expect(dropped()).toEqual({ retained: 2 });
  });
});

describe('a device that goes offline', () => {
  const both = [
    channel('t', { path: 't', availabilityTopic: 'dev/availability' }),
    channel('never', { path: 'never', availabilityTopic: 'dev/availability' }),
    channel('other', { topic: 'other' }),
  ];

  it.each([
    ['zigbee2mqtt', { state: 'online' }, { state: 'offline' }],
    ['Tasmota', 'Online', 'Offline'],
    ['plain', 'online', 'offline'],
  ])('%s: ends its series with a bad reading, once', (_, online, offline) => {
    const say = intake(both);
    say('dev/availability', online, true);
    say('dev', { t: 5 });
    say('other', '1');
    nowUs += 1000;
    say('dev/availability', offline);
    say('dev/availability', offline);
    expect(buffer.take()).toEqual([
      { sensor: 't', timeUs: nowUs - 1000, value: 5, quality: 'good' },
      { sensor: 'other', timeUs: nowUs - 1000, value: 1, quality: 'good' },
      { sensor: 't', timeUs: nowUs, value: 5, quality: 'bad' },
    ]);
    say('dev', { t: 6 });
    say('dev/availability', online);
    say('dev', { t: 7 });
    expect(taken()).toEqual([
      ['t', 6, 'uncertain'],
      ['t', 7, 'good'],
    ]);
  });

  it('before it ever spoke says nothing', () => {
    const say = intake(both);
    say('dev/availability', 'offline', true);
    say('dev/availability', 'rebooting');
    say('dev/availability', '');
    expect(taken()).toEqual([]);
    say('dev', { t: 6 });
    expect(taken()).toEqual([['t', 6, 'uncertain']]);
  });
});

describe('the configuration', () => {
  const given = (channels: object[]) =>
    z.strictObject(mqttInDriver.shape).safeParse({ channels }).error?.issues[0]?.message;

  it.each<[string, object[]]>([
    ['would join several devices', [channel('a', { topic: 'zigbee2mqtt/+' })]],
    ['no topic filter', [channel('a', { topic: 'a/#/b' })]],
    ['no topic filter', [channel('a', { topic: '' })]],
    ['no JSON path', [channel('a', { path: 'a..b' })]],
    ['wildcards', [channel('a', { availabilityTopic: '+/availability' })]],
    ['share topics', [channel('a', { topic: 'a/+', merge: true }), channel('b', { topic: '+/b', merge: true })]],
    ['one name', [channel('a', {}), channel('a', { topic: 'other' })]],
  ])('says what is wrong: %s', (message, channels) => expect(given(channels)).toContain(message));

  it('takes what is covered by another filter', () => {
    expect(given([channel('a', { topic: 'a/#', merge: true }), channel('b', { topic: 'a/b' })])).toBeUndefined();
  });
});
