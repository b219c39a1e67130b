import { z } from 'zod';
import { interpolations, sensorDescriptionSchema, type SensorDescription } from '#core/contract/catalogue.js';
import { nameSchema } from '#core/contract/names.js';
import type { Value } from '#core/contract/reading.js';
import { durationBetween } from '#core/runtime/durations.js';
import { isJsonPath } from './json-path.js';

const { quantity, unit, labels } = sensorDescriptionSchema.shape;

/** What every channel says that is described in the configuration. */
export const channelShape = {
  name: nameSchema.describe('Name of the channel, unique on the device'),
  quantity: quantity.describe('What is measured, such as temperature'),
  unit: unit.describe(
    'Unit of the SenML registry, such as Cel, %RH, W or kWh, that the value has after scale and offset',
  ),
  labels: labels.describe('Floor, room, line, machine, city: for grouping'),
  interpolation: z.enum(interpolations).default('none').describe('How a value is read between the ends of a segment'),
  maxGapMs: durationBetween('1ms', '30d')
    .prefault('10m')
    .describe('Longest gap across which a segment is interpolated'),
  scale: z.number().default(1).describe('A number is multiplied by this'),
  offset: z.number().default(0).describe('Added to a number after scale'),
};

/** `number` also takes a number written as text; `boolean` takes true, on, yes, 1 and their opposites, in any case. */
export const valueTypes = ['number', 'boolean', 'text'] as const;
export type ValueType = (typeof valueTypes)[number];
export const valueTypeSchema = z
  .enum(valueTypes)
  .default('number')
  .describe('number: also one written as text; boolean: true, on, yes, 1 and their opposites, in any case; text');

/** A place in JSON, see `json-path.ts`. */
export const jsonPathSchema = z.string().refine(isJsonPath, 'no JSON path: keys joined by dots, [n], ["key"]');

/** A list of channels, of which no two have one name. */
export function channelList<Channel extends z.ZodType<{ readonly name: string }>>(channel: Channel) {
  const isUnique = (channels: readonly { readonly name: string }[]) =>
    new Set(channels.map(({ name }) => name)).size === channels.length;
  return z.array(channel).min(1).refine(isUnique, 'two channels have one name');
}

export type ChannelConfig = z.output<z.ZodObject<typeof channelShape>>;

export function describeChannel(channel: ChannelConfig): SensorDescription {
  const { quantity, unit, labels, interpolation, maxGapMs } = channel;
  return { quantity, unit, labels, interpolation, maxGapUs: Math.round(maxGapMs * 1000) };
}

/** What `Sensor.channels` wants. */
export function describeChannels(channels: readonly ChannelConfig[]): Record<string, SensorDescription> {
  return Object.fromEntries(channels.map((channel) => [channel.name, describeChannel(channel)]));
}

/** A number in the channel's unit. */
export function scaled(value: number, { scale, offset }: Pick<ChannelConfig, 'scale' | 'offset'>): number {
  return value * scale + offset;
}

const numeral = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const truths = new Map([
  ...'true on yes 1'.split(' ').map((word) => [word, true] as const),
  ...'false off no 0'.split(' ').map((word) => [word, false] as const),
]);

/** What a device said, as a value of the wanted type; undefined if it is none. Numbers are finite, and not yet scaled. */
export function toValue(raw: unknown, type: ValueType): Value | undefined {
  if (type === 'number') return toNumber(raw);
  if (typeof raw !== 'string' && typeof raw !== 'number' && typeof raw !== 'boolean') return undefined;
  if (type === 'text') return String(raw);
  return truths.get(String(raw).trim().toLowerCase());
}

function toNumber(raw: unknown): number | undefined {
  const value = typeof raw === 'string' && numeral.test(raw.trim()) ? Number(raw) : raw;
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}
