import { z } from 'zod';
import { ContractError } from '#core/contract/contract-error.js';
import { nameSchema } from '#core/contract/names.js';
import type { ForeignDecoded, ForeignDecoder, ForeignMessage } from '../foreign.js';
import { Identity, patternSchema } from '../identity.js';
import { topicFiltersSchema, type ForeignSourceKind } from '../source.js';
import { homeReading, switchValue } from './home-reading.js';
import { isObject, leavesOf, parseJsonPayload, textOf, type JsonObject, type Leaf } from './json-value.js';
import { toldTimeUs } from './told-time.js';

interface TasmotaOptions {
  readonly site: string;
  readonly topicPattern: string;
  readonly time: 'receipt' | 'utc';
}

/** Telemetry of Tasmota. */
export const tasmotaSource = {
  summary: `Tasmota: \`tele/<topic>/SENSOR\`, \`STATE\` and \`LWT\`. Numbers, booleans and \`ON\`/\`OFF\` are readings, named by their path
such as \`AM2301.Temperature\`; \`TempUnit\` and \`PressureUnit\` are heeded. Its \`Time\` has no zone, so the time of receipt counts
unless \`time: utc\` says that its clock is set to UTC.`,
  example: `- type: tasmota
  writers: [tasmota-kitchen]
  site: home`,
  shape: {
    topics: topicFiltersSchema
      .default(['tele/+/SENSOR', 'tele/+/STATE', 'tele/+/LWT'])
      .describe('Topic filters, as of a subscription'),
    site: nameSchema.default('foreign').describe('Site of its devices'),
    topicPattern: patternSchema(['site', 'device'])
      .default('tele/{device}/{_}')
      .describe('What the topic says: {site}, {device}, and {_} for text that says nothing'),
    time: z.enum(['receipt', 'utc']).default('receipt').describe('What a Time without a zone is worth'),
  },
  open: (options: TasmotaOptions) => new TasmotaDecoder(options),
} satisfies ForeignSourceKind;

const notMeasured = new Set(['Time', 'TempUnit', 'PressureUnit', 'SpeedUnit', 'TotalStartTime']);

class TasmotaDecoder implements ForeignDecoder {
  private readonly identity: Identity;

  constructor(private readonly options: TasmotaOptions) {
    this.identity = new Identity(options);
  }

  decode(message: ForeignMessage): ForeignDecoded {
    const device = this.identity.device(message.topic);
    if (message.topic.endsWith('/LWT')) {
      const word = textOf(message.payload).trim().toLowerCase();
      if (word !== 'online' && word !== 'offline') throw new ContractError('schema', 'neither Online nor Offline');
      return { batches: [{ device, readings: [], presence: word }] };
    }
    const parsed = parseJsonPayload(message.payload);
    if (!isObject(parsed)) throw new ContractError('schema', 'telemetry is an object');
    const time = { ...this.time(parsed, message.receivedUs), quality: 'good' as const };
    const readings = leavesOf(parsed)
      .filter(({ path, value }) => !notMeasured.has(path.at(-1)!) && typeof switchValue(value) !== 'string')
      .map((leaf) => ({ ...homeReading(leaf, this.identity.names, unitOf(leaf, parsed)), ...time }));
    return { batches: [{ device, readings }] };
  }

  private time({ Time: told }: JsonObject, receivedUs: number) {
    const zoned =
      typeof told === 'string' && this.options.time === 'utc' && !/Z|[+-]\d\d:?\d\d$/.test(told) ? `${told}Z` : told;
    const timeUs = toldTimeUs(zoned, 'iso');
    return timeUs === undefined ? { timeUs: receivedUs, atReceipt: true as const } : { timeUs };
  }
}

/** What the message says of the unit of a temperature or a pressure. */
function unitOf({ path }: Leaf, { TempUnit: temperature, PressureUnit: pressure }: JsonObject): string | undefined {
  const last = path.at(-1)!;
  if (/^(Temperature|DewPoint)$/.test(last) && typeof temperature === 'string') return `°${temperature}`;
  if (/Pressure$/.test(last) && typeof pressure === 'string') return pressure;
  return undefined;
}
