import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toldTimeUs } from '../../../../gateway/intake/foreign/json/told-time.js';
import { decodesOrRefuses, message, receivedUs, spoiled, testSource, told } from './sources.js';

const mapped = testSource({
  type: 'json',
  topics: ['weather/+/data'],
  site: 'plant1',
  topicPattern: 'weather/{device}/data',
  timePath: 'ts',
  readings: [
    { path: 'outdoor.temp', sensor: 'temperature', unit: '°F', quantity: 'temperature' },
    { path: 'outdoor.hum', sensor: 'humidity', unit: '%' },
    { path: 'p.0', sensor: 'pressure', unit: 'mbar', offset: 10 },
    { path: 'rain', scale: 0.1 },
  ],
});
const anything = testSource({ type: 'json', topics: ['x'], device: 'd', others: 'all' });
const decode = (value: unknown, topic = 'weather/roof/data') =>
  mapped.decoder.decode(message(topic, JSON.stringify(value)));

describe('JSON by mapping', () => {
  it('takes what is listed from where it stands, in units of the contract', () => {
    const decoded = decode({
      ts: '2026-11-21T12:00:00.25Z',
      outdoor: { temp: 68, hum: 45 },
      p: [1000, 7],
      rain: 12,
      more: 1,
    });
    expect(told(decoded)).toEqual([
      'plant1/roof temperature 20 Cel',
      'plant1/roof humidity 45 %RH',
      'plant1/roof pressure 1010 hPa',
      'plant1/roof rain 1.2000000000000002 -',
    ]);
    expect(
      decoded.batches[0]!.readings.every(({ timeUs }) => timeUs === Date.UTC(2026, 10, 21, 12) * 1000 + 250_000),
    ).toBe(true);
  });

  it('an array is many messages; what has no value says nothing; without a time the receipt counts', () => {
    const decoded = decode([{ ts: 1_790_000_000, rain: 1 }, { rain: 2 }, { ts: null, outdoor: {} }, {}, 7]);
    expect(decoded.batches[0]!.readings.map(({ timeUs, atReceipt, value }) => [timeUs, atReceipt, value])).toEqual([
      [1_790_000_000_000_000, undefined, 0.1],
      [receivedUs, true, 0.2],
    ]);
  });

  it('the device may stand in the message; others are named by their paths', () => {
    const source = testSource({ type: 'json', topics: ['x'], devicePath: 'meta.id', others: 'numbers' });
    const decoded = source.decoder.decode(
      message('x', JSON.stringify({ meta: { id: 17 }, a: { b: [1, { c: true }] }, text: 'no', none: null })),
    );
    expect(told(decoded)).toEqual(['foreign/17 a.b.0 1 -', 'foreign/17 a.b.1.c true -']);
    expect(told(anything.decoder.decode(message('x', '21.5')))).toEqual(['foreign/d value 21.5 -']);
  });

  it('what everything inherits is no value', () => {
    const source = testSource({
      type: 'json',
      topics: ['x'],
      device: 'd',
      readings: [{ path: 'constructor.name' }, { path: 'a.length' }],
    });
    expect(source.decoder.decode(message('x', '{"a":[1]}')).batches).toEqual([]);
  });

  it.each([
    ['not-json', '{'],
    ['bad-coding', Buffer.of(0x22, 0xff, 0x22)],
    ['schema', '{"ts":"yesterday","rain":1}'],
    ['schema', '{"ts":"2026-11-21T12:00:00","rain":1}'],
  ])('refuses with %s: %s', (code, payload) => {
    expect(() => mapped.decoder.decode(message('weather/roof/data', payload))).toThrow(
      expect.objectContaining({ code }),
    );
  });

  it('depth and number of values are bounded', () => {
    const deep = '['.repeat(5000) + ']'.repeat(5000);
    for (const payload of [`{"a":${deep}}`, JSON.stringify({ a: Array.from({ length: 6000 }, () => 1) })]) {
      expect(() => anything.decoder.decode(message('x', payload))).toThrow(
        expect.objectContaining({ code: 'too-large' }),
      );
    }
  });

  it('whatever comes, it reads it or says why not', () => {
    const valid = fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value)));
    decodesOrRefuses(anything, 'x', fc.oneof(valid, spoiled(valid)));
    decodesOrRefuses(mapped, 'weather/d/data', fc.oneof(valid, spoiled(valid)));
  });
});

describe('times of others', () => {
  it.each([
    ['2026-11-21T12:00:00Z', 'auto', Date.UTC(2026, 10, 21, 12) * 1000],
    ['2026-11-21T13:00:00.123456+0100', 'iso', Date.UTC(2026, 10, 21, 12) * 1000 + 123_456],
    ['2026-11-21T13:00:00', 'auto', undefined],
    [1_790_000_000, 'auto', 1_790_000_000_000_000],
    [1_790_000_000.5, 's', 1_790_000_000_500_000],
    [1_790_000_000_123, 'auto', 1_790_000_000_123_000],
    [1_790_000_000_123_456, 'auto', 1_790_000_000_123_456],
    ['1790000000123456789', 'ns', 1_790_000_000_123_457],
    [1_790_000_000, 'iso', undefined],
    [true, 'auto', undefined],
    [undefined, 'auto', undefined],
    ['9e99', 'auto', undefined],
  ] as const)('%s as %s', (value, format, timeUs) => {
    const read = toldTimeUs(value, format);
    if (timeUs === undefined || format !== 'ns') expect(read).toBe(timeUs);
    // A double has no nanoseconds; within a quarter of a microsecond it is right.
    else expect(Math.abs(read! - timeUs)).toBeLessThanOrEqual(1);
  });
});
