import { z } from 'zod';
import { ContractError } from '#core/contract/contract-error.js';
import type { DeviceId } from '#core/contract/names.js';
import { isUnit } from '#core/contract/units.js';
import { Batches } from '../batches.js';
import type { ForeignDecoded, ForeignDecoder, ForeignMessage, ForeignReading, ForeignRefusal } from '../foreign.js';
import { Identity, identityShape, type IdentityOptions } from '../identity.js';
import { ownText } from '../own-text.js';
import type { ForeignSourceKind } from '../source.js';
import { LineFault, parseLines, parseSeries, type Line } from './parse-line.js';

/** Units of a timestamp in nanoseconds. */
const precisions = { ns: 1n, us: 1_000n, ms: 1_000_000n, s: 1_000_000_000n } as const;

interface LineProtocolOptions extends IdentityOptions {
  readonly deviceTag: string;
  readonly siteTag?: string | undefined;
  readonly labels: readonly string[];
  readonly precision: keyof typeof precisions;
  readonly units: Readonly<Record<string, string>>;
}

/** Influx line protocol, as Telegraf writes it. */
export const lineProtocolSource = {
  summary: `Influx line protocol, one or many lines a message, as Telegraf's \`outputs.mqtt\` writes it with
\`data_format = "influx"\`. Each field is a sensor \`<measurement>.<field>\`, with \`.<tag>:<value>\` for each tag that is neither
the device, the site nor named in \`labels\`; all tags become labels. A line that cannot be read is set aside, the others are taken.`,
  example: `- type: line-protocol
  topics: ['telegraf/#']
  writers: [telegraf-1]
  site: plant1
  labels: [city, floor]
  units: { mem.used_percent: '/100', temperature.value: Cel }`,
  shape: {
    ...identityShape,
    deviceTag: z.string().min(1).default('host').describe('Tag that names the device'),
    siteTag: z.string().min(1).optional().describe('Tag that names the site'),
    labels: z
      .array(z.string().min(1))
      .default([])
      .describe('Tags that are the same for all lines of a device: labels only, and no part of a name'),
    precision: z.enum(['ns', 'us', 'ms', 's']).default('ns').describe('Unit of the timestamps'),
    units: z
      .record(z.string(), z.string().refine(isUnit, 'not a unit of the SenML registry'))
      .default({})
      .describe('SenML units of <measurement>.<field>, for line protocol has none'),
  },
  open: (options: LineProtocolOptions) => new LineProtocolDecoder(options),
} satisfies ForeignSourceKind;

/** What the lines of one series have in common. */
interface KnownSeries {
  readonly device: DeviceId;
  readonly labels: Readonly<Record<string, string>>;
  /** By the name of the field. */
  readonly sensors: Map<string, Omit<ForeignReading, 'timeUs' | 'value' | 'quality'>>;
  readonly measurement: string;
  /** Behind `<measurement>.<field>`. */
  readonly suffix: readonly string[];
}

/** Series and their fields that are remembered; beyond it, all are forgotten and made anew as they come. */
const maxRemembered = 50_000;
const maxRememberedLength = 1000;
/** A catalogue takes no longer ones. */
const maxLabelLength = 128;
const utf8 = new TextDecoder('utf-8', { fatal: true });

class LineProtocolDecoder implements ForeignDecoder {
  private readonly identity: Identity;
  /** By the text of measurement and tags, and the topic where it may say the device. */
  private readonly known = new Map<string, KnownSeries>();
  private remembered = 0;

  constructor(private readonly options: LineProtocolOptions) {
    this.identity = new Identity(options);
  }

  decode({ topic, payload, receivedUs }: ForeignMessage): ForeignDecoded {
    const batches = new Batches();
    const faults = new Faults();
    for (const line of parseLines(textOf(payload))) {
      if (line instanceof LineFault) faults.add('schema', line.message);
      else this.take(line, topic, receivedUs, batches, faults);
    }
    const list = batches.list();
    if (list.length === 0 && faults.first) throw faults.first;
    return { batches: list, refused: faults.list() };
  }

  private take(line: Line, topic: string, receivedUs: number, batches: Batches, faults: Faults): void {
    try {
      const timeUs = line.timestamp === undefined ? receivedUs : this.timeUs(line.timestamp);
      const series = this.series(line.series, topic);
      const readings = batches.of(series.device);
      const time = {
        timeUs,
        quality: 'good' as const,
        ...(line.timestamp === undefined && { atReceipt: true as const }),
      };
      for (const [field, value] of line.fields) readings.push({ ...this.sensor(series, field), ...time, value });
    } catch (error) {
      if (error instanceof LineFault) faults.add('schema', error.message);
      else if (error instanceof ContractError) faults.add(error.code, error.message);
      else throw error;
    }
  }

  private timeUs(timestamp: string): number {
    if (!/^-?\d{1,19}$/.test(timestamp)) throw new LineFault(`not a timestamp: ${timestamp.slice(0, 40)}`);
    // Nanoseconds do not fit into a number.
    return Number((BigInt(timestamp) * precisions[this.options.precision]) / 1000n);
  }

  private series(text: string, topic: string): KnownSeries {
    const key = this.options.topicPattern === undefined ? text : `${topic} ${text}`;
    const known = this.known.get(key);
    if (known) return known;
    const { measurement, tags } = parseSeries(text);
    const { deviceTag, siteTag, labels: only } = this.options;
    const tag = (name: string | undefined) => tags.find(([other]) => other === name)?.[1];
    const named = new Set([deviceTag, siteTag, ...only]);
    const series: KnownSeries = {
      device: this.identity.device(topic, { device: tag(deviceTag), site: tag(siteTag) }),
      labels: Object.fromEntries(
        tags
          .filter(([name]) => name !== deviceTag && name !== siteTag)
          .map(([name, value]) => [ownText(name.slice(0, maxLabelLength)), ownText(value.slice(0, maxLabelLength))]),
      ),
      sensors: new Map(),
      measurement: ownText(measurement),
      suffix: tags
        .filter(([name]) => !named.has(name))
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .flat()
        .map(ownText),
    };
    if (key.length <= maxRememberedLength) this.known.set(ownText(key), this.remember(series));
    return series;
  }

  private sensor(series: KnownSeries, field: string): Omit<ForeignReading, 'timeUs' | 'value' | 'quality'> {
    const known = series.sensors.get(field);
    if (known) return known;
    const { measurement, labels, suffix } = series;
    const sensor = {
      sensor: this.identity.names.of(sensorName(measurement, field, suffix)),
      quantity: ownText((field === 'value' ? measurement : field).slice(0, maxLabelLength)),
      unit: this.options.units[`${measurement}.${field}`],
      labels,
    };
    if (field.length <= maxRememberedLength) series.sensors.set(ownText(field), this.remember(sensor));
    return sensor;
  }

  private remember<Thing>(thing: Thing): Thing {
    this.remembered += 1;
    if (this.remembered > maxRemembered) {
      this.known.clear();
      this.remembered = 1;
    }
    return thing;
  }
}

/** `cpu.usage_idle.cpu:cpu0`. Where a part holds a separator itself, another text of the same parts, which no name looks like. */
function sensorName(measurement: string, field: string, suffix: readonly string[]): string {
  const parts = [measurement, field, ...suffix];
  if (parts.some((part) => /[.:\0]/.test(part))) return parts.join('\0');
  const tags = suffix.map((part, i) => (i % 2 === 0 ? `.${part}` : `:${part}`));
  return `${measurement}.${field}${tags.join('')}`;
}

function textOf(payload: Uint8Array): string {
  try {
    return utf8.decode(payload);
  } catch (cause) {
    throw new ContractError('bad-coding', 'not UTF-8', { cause });
  }
}

/** Lines that cannot be taken, by reason; each counts as one reading. */
class Faults {
  first: ContractError | undefined;
  private readonly reasons = new Map<ContractError['code'], { detail: string; readings: number }>();

  add(reason: ContractError['code'], detail: string): void {
    this.first ??= new ContractError(reason, detail);
    const known = this.reasons.get(reason);
    if (known) known.readings += 1;
    else this.reasons.set(reason, { detail, readings: 1 });
  }

  list(): ForeignRefusal[] {
    return [...this.reasons].map(([reason, rest]) => ({ reason, ...rest }));
  }
}
