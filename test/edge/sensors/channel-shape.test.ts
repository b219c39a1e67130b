import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { sensorDescriptionSchema } from '../../../core/contract/catalogue.js';
import { channelList, channelShape, describeChannel, scaled, toValue } from '../../../edge/sensors/channel-shape.js';
import { ReadingBuffer } from '../../../edge/sensors/reading-buffer.js';

const channel = z.strictObject(channelShape);

describe('a channel of the configuration', () => {
  it('becomes a description of the catalogue', () => {
    const parsed = channel.parse({ name: 'temp', quantity: 'temperature', unit: 'Cel', maxGapMs: '1m', scale: 0.1 });
    const description = describeChannel(parsed);
    expect(description).toEqual({
      quantity: 'temperature',
      unit: 'Cel',
      labels: {},
      interpolation: 'none',
      maxGapUs: 60_000_000,
    });
    expect(sensorDescriptionSchema.parse(description)).toEqual(description);
    expect(scaled(215, parsed)).toBeCloseTo(21.5, 12);
  });

  it.each([{ unit: 'degC' }, { quantity: 'Temp' }, { name: 'a/b' }, { labels: { Room: 'x' } }, { extra: 1 }])(
    'refuses %j',
    (fault) => expect(channel.safeParse({ name: 't', quantity: 'q', unit: 'W', ...fault }).success).toBe(false),
  );

  it('refuses two of one name', () => {
    const one = { name: 't', quantity: 'q', unit: 'W' };
    expect(channelList(channel).safeParse([one, { ...one, name: 'u' }]).success).toBe(true);
    expect(channelList(channel).safeParse([one, one]).success).toBe(false);
    expect(channelList(channel).safeParse([]).success).toBe(false);
  });
});

describe('toValue', () => {
  it.each([
    [21.5, 'number', 21.5],
    [' -2.5e1 ', 'number', -25],
    ['', 'number', undefined],
    ['0x10', 'number', undefined],
    ['21.5 C', 'number', undefined],
    ['NaN', 'number', undefined],
    [Infinity, 'number', undefined],
    [true, 'number', undefined],
    [null, 'number', undefined],
    [[5], 'number', undefined],
    ['ON', 'boolean', true],
    ['off', 'boolean', false],
    ['True', 'boolean', true],
    [false, 'boolean', false],
    [1, 'boolean', true],
    ['0', 'boolean', false],
    [2, 'boolean', undefined],
    ['maybe', 'boolean', undefined],
    [{}, 'boolean', undefined],
    ['open', 'text', 'open'],
    [5, 'text', '5'],
    [null, 'text', undefined],
    [{}, 'text', undefined],
  ] as const)('%j as %s', (raw, type, value) => expect(toValue(raw, type)).toBe(value));
});

describe('ReadingBuffer', () => {
  const reading = (timeUs: number) => ({ sensor: 't', timeUs, value: timeUs, quality: 'good' as const });

  it('keeps the newest in their order, and counts what gave way', () => {
    const buffer = new ReadingBuffer(5);
    for (let i = 0; i < 23; i += 1) buffer.push(reading(i));
    expect(buffer.size).toBe(5);
    buffer.drop('not-json', 2);
    expect(buffer.take().map(({ timeUs }) => timeUs)).toEqual([18, 19, 20, 21, 22]);
    expect([...buffer.takeDropped()]).toEqual([
      ['buffer-full', 18],
      ['not-json', 2],
    ]);
    expect(buffer.takeDropped().size).toBe(0);
    expect(buffer.take()).toEqual([]);
  });
});
