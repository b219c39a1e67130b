import { z } from 'zod';
import { ContractError } from '#core/contract/contract-error.js';
import { isUnit } from '#core/contract/units.js';
import { Batches } from '../batches.js';
import type { ForeignDecoded, ForeignDecoder, ForeignMessage, ForeignReading } from '../foreign.js';
import { converted, convertUnit } from '../foreign-units.js';
import { Identity, identityShape, type IdentityOptions } from '../identity.js';
import type { ForeignSourceKind } from '../source.js';
import { leavesOf, parseJsonPayload, toPath, valueAt, type Json } from './json-value.js';
import { timeFormats, toldTimeUs, type TimeFormat } from './told-time.js';

const pathSchema = z.string().min(1).max(200);

const readingSchema = z.strictObject({
  path: pathSchema.describe('Where the value stands, such as sensors.0.temperature'),
  sensor: z.string().min(1).max(200).optional().describe('Name of the sensor. Default: the path'),
  quantity: z.string().min(1).max(64).optional().describe('What is measured. Default: after the sensor'),
  unit: z
    .string()
    .refine(
      (unit) => isUnit(unit) || convertUnit(unit) !== undefined,
      'neither a unit of the SenML registry nor one that is known',
    )
    .optional()
    .describe('Unit of the value, of SenML or as °F, mbar, kPa, which are converted'),
  scale: z.number().default(1).describe('The value is multiplied by this'),
  offset: z.number().default(0).describe('Then this is added'),
});

interface JsonOptions extends IdentityOptions {
  readonly devicePath?: string | undefined;
  readonly sitePath?: string | undefined;
  readonly timePath?: string | undefined;
  readonly timeFormat: TimeFormat;
  readonly readings: readonly z.output<typeof readingSchema>[];
  readonly others: 'none' | 'numbers' | 'all';
}

/** JSON by mapping: the configuration says where the device, the time and the values stand. */
export const jsonSource = {
  summary: `Any JSON by mapping: \`readings\` says where the values stand and what they are, \`others\` takes what is not listed, by
the path as its name. A JSON array is read as that many messages. A path that is not there is no fault: not every message has all.`,
  example: `- type: json
  topics: ['weather/+/data']
  writers: [weather-1]
  topicPattern: 'weather/{device}/data'
  timePath: ts
  readings:
    - path: outdoor.temp
      sensor: temperature
      unit: '°F'`,
  shape: {
    ...identityShape,
    devicePath: pathSchema.optional().describe('Where the name of the device stands'),
    sitePath: pathSchema.optional().describe('Where the name of the site stands'),
    timePath: pathSchema.optional().describe('Where the time stands; without it, the time of receipt counts'),
    timeFormat: z
      .enum(timeFormats)
      .default('auto')
      .describe('How it is written; auto: ISO 8601 with a zone, or by its size'),
    readings: z.array(readingSchema).max(1000).default([]).describe('The values'),
    others: z
      .enum(['none', 'numbers', 'all'])
      .default('none')
      .describe('What is not listed: numbers takes numbers and booleans, all also texts'),
  },
  open: (options: JsonOptions) => new JsonDecoder(options),
} satisfies ForeignSourceKind;

class JsonDecoder implements ForeignDecoder {
  private readonly identity: Identity;
  private readonly readings: readonly ((value: Json) => Omit<ForeignReading, 'timeUs' | 'quality'> | undefined)[];
  private readonly listed: ReadonlySet<string>;

  constructor(private readonly options: JsonOptions) {
    this.identity = new Identity(options);
    this.readings = options.readings.map((reading) => this.reader(reading));
    this.listed = new Set(
      [options.devicePath, options.sitePath, options.timePath, ...options.readings.map(({ path }) => path)].filter(
        (path) => path !== undefined,
      ),
    );
  }

  decode({ topic, payload, receivedUs }: ForeignMessage): ForeignDecoded {
    const parsed = parseJsonPayload(payload);
    const batches = new Batches();
    for (const one of Array.isArray(parsed) ? (parsed as readonly Json[]) : [parsed]) {
      const time = this.time(one, receivedUs);
      const values = [...this.readings.map((read) => read(one)), ...this.others(one)].filter(
        (value) => value !== undefined,
      );
      if (values.length === 0) continue;
      const readings = batches.of(this.device(one, topic));
      for (const value of values) readings.push({ ...value, ...time });
    }
    return { batches: batches.list() };
  }

  private device(message: Json, topic: string) {
    const { devicePath, sitePath } = this.options;
    return this.identity.device(topic, { device: textAt(message, devicePath), site: textAt(message, sitePath) });
  }

  private time(message: Json, receivedUs: number) {
    const { timePath, timeFormat } = this.options;
    const quality = 'good' as const;
    const told = timePath === undefined ? undefined : valueAt(message, toPath(timePath));
    if (told === undefined || told === null) return { timeUs: receivedUs, atReceipt: true as const, quality };
    const timeUs = toldTimeUs(told, timeFormat);
    if (timeUs === undefined)
      throw new ContractError('schema', `${timePath}: no time ${JSON.stringify(told).slice(0, 60)}`);
    return { timeUs, quality };
  }

  private reader({ path, sensor, quantity, unit, scale, offset }: z.output<typeof readingSchema>) {
    const steps = toPath(path);
    const name = this.identity.names.of(sensor ?? path);
    const conversion = unit === undefined ? undefined : convertUnit(unit, quantity ?? sensor ?? path);
    return (message: Json): Omit<ForeignReading, 'timeUs' | 'quality'> | undefined => {
      const value = valueAt(message, steps);
      if (typeof value !== 'number' && typeof value !== 'string' && typeof value !== 'boolean') return undefined;
      const scaled = typeof value !== 'number' || (scale === 1 && offset === 0) ? value : value * scale + offset;
      const last = typeof scaled === 'number' && conversion ? converted(scaled, conversion) : scaled;
      return { sensor: name, value: last, quantity, unit: conversion?.unit };
    };
  }

  private others(message: Json): Omit<ForeignReading, 'timeUs' | 'quality'>[] {
    const { others } = this.options;
    if (others === 'none') return [];
    return leavesOf(message)
      .map(({ path, value }) => ({ text: path.length === 0 ? 'value' : path.join('.'), value }))
      .filter(({ text, value }) => !this.listed.has(text) && (others === 'all' || typeof value !== 'string'))
      .map(({ text, value }) => ({ sensor: this.identity.names.of(text), value }));
  }
}

function textAt(message: Json, path: string | undefined): string | undefined {
  const value = path === undefined ? undefined : valueAt(message, toPath(path));
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' && value !== '' ? value : undefined;
}
