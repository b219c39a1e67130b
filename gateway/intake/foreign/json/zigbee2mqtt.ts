import { z } from 'zod';
import { ContractError } from '#core/contract/contract-error.js';
import { nameSchema } from '#core/contract/names.js';
import type { ForeignDecoded, ForeignDecoder, ForeignMessage } from '../foreign.js';
import { NameMaker } from '../names.js';
import { topicFiltersSchema, type ForeignSourceKind } from '../source.js';
import { homeReading } from './home-reading.js';
import { isObject, leavesOf, parseJsonPayload, textOf, type Json, type JsonObject, type Leaf } from './json-value.js';
import { toldTimeUs } from './told-time.js';

interface Zigbee2mqttOptions {
  readonly site: string;
  readonly base: string;
  readonly texts: boolean;
}

/** What zigbee2mqtt publishes of its devices. */
export const zigbee2mqttSource = {
  summary: `zigbee2mqtt: \`zigbee2mqtt/<friendly name>\`, with \`/availability\`. Units are those that its \`bridge/devices\` tells, else the
usual ones. \`last_seen\` is the time of a message, if zigbee2mqtt is set to write it as ISO 8601 or epoch; else its receipt is.
\`ON\` and \`OFF\` are truths. What it says of itself, and what it is told, is passed over.`,
  example: `- type: zigbee2mqtt
  writers: [zigbee2mqtt]
  site: home`,
  shape: {
    topics: topicFiltersSchema.default(['zigbee2mqtt/#']).describe('Topic filters, as of a subscription'),
    site: nameSchema.default('foreign').describe('Site of its devices'),
    base: z.string().min(1).default('zigbee2mqtt').describe('Base topic of zigbee2mqtt'),
    texts: z.boolean().default(true).describe('Whether texts, such as actions, are readings, too'),
  },
  open: (options: Zigbee2mqttOptions) => new Zigbee2mqttDecoder(options),
} satisfies ForeignSourceKind;

const nothing: ForeignDecoded = { batches: [] };
/** Its settings and its own state, which are no readings. */
const notMeasured = new Set(['last_seen', 'update', 'update_available', 'device', 'elapsed']);
/** Millivolts of a battery or volts of the mains, metres or centimetres: only the bridge knows. */
const ambiguous = new Set(['voltage', 'distance']);
const commands = new Set(['set', 'get']);
const [maxUnits, maxUnitLength, maxNameLength] = [50_000, 100, 200];

class Zigbee2mqttDecoder implements ForeignDecoder {
  private readonly names = new NameMaker();
  /** By friendly name and property, as the bridge told them last. */
  private units = new Map<string, string>();

  constructor(private readonly options: Zigbee2mqttOptions) {}

  decode(message: ForeignMessage): ForeignDecoded {
    const base = `${this.options.base}/`;
    if (!message.topic.startsWith(base)) return nothing;
    const path = message.topic.slice(base.length);
    if (path === 'bridge/devices') this.learn(parseJsonPayload(message.payload));
    if (path === '' || path === 'bridge' || path.startsWith('bridge/')) return nothing;
    // A friendly name may have slashes.
    const [, name = path, suffix] = /^(.+)\/(availability|set|get)(?:\/.*)?$/.exec(path) ?? [];
    if (suffix !== undefined && commands.has(suffix)) return nothing;
    return suffix === 'availability' ? this.presence(name, message) : this.state(name, message);
  }

  private device(name: string) {
    return { site: this.options.site, device: this.names.of(name) };
  }

  /** `online`, or `{"state":"online"}`. */
  private presence(name: string, { payload }: ForeignMessage): ForeignDecoded {
    const word = /^(?:online|offline)$/.exec(textOf(payload).trim())?.[0];
    const told = word ?? (parseJsonPayload(payload) as Partial<JsonObject> | null)?.['state'];
    if (told !== 'online' && told !== 'offline') throw new ContractError('schema', 'neither online nor offline');
    return { batches: [{ device: this.device(name), readings: [], presence: told }] };
  }

  private state(name: string, { payload, receivedUs }: ForeignMessage): ForeignDecoded {
    // It removes a retained message by an empty one.
    if (payload.byteLength === 0) return nothing;
    const parsed = parseJsonPayload(payload);
    if (!isObject(parsed)) throw new ContractError('schema', 'a state is an object');
    const timeUs = toldTimeUs(parsed['last_seen'], 'auto');
    const time = timeUs === undefined ? { timeUs: receivedUs, atReceipt: true as const } : { timeUs };
    const measured = Object.fromEntries(Object.entries(parsed).filter(([key]) => !notMeasured.has(key)));
    const readings = leavesOf(measured)
      .map((leaf) => homeReading(leaf, this.names, this.unitOf(name, leaf)))
      .filter(({ value }) => this.options.texts || typeof value !== 'string')
      .map((reading) => ({ ...reading, ...time, quality: 'good' as const }));
    return { batches: [{ device: this.device(name), readings }] };
  }

  private unitOf(name: string, { path }: Leaf): string | undefined {
    const told = this.units.get(`${name.slice(0, maxNameLength)} ${path.join('.')}`);
    return told ?? (ambiguous.has(path.at(-1)!) ? '' : undefined);
  }

  /** The units of all devices' properties: `[{friendly_name, definition: {exposes: [{property, unit, features}]}}]`. */
  private learn(devices: Json): void {
    if (!Array.isArray(devices)) throw new ContractError('schema', 'bridge/devices is a list');
    const units = new Map<string, string>();
    for (const device of devices as readonly Json[]) {
      if (!isObject(device) || !isObject(device['definition'])) continue;
      const add = (property: string, unit: string) => {
        if (units.size >= maxUnits || property.length > maxUnitLength || unit.length > maxUnitLength) return;
        units.set(`${String(device['friendly_name']).slice(0, maxNameLength)} ${property}`, unit);
      };
      addUnits(device['definition']['exposes'], '', add, 0);
    }
    this.units = units;
  }
}

function addUnits(
  exposes: Json | undefined,
  prefix: string,
  add: (property: string, unit: string) => void,
  depth: number,
): void {
  if (!Array.isArray(exposes) || depth > 3) return;
  for (const expose of exposes as readonly Json[]) {
    if (!isObject(expose)) continue;
    const { property, unit, features } = expose;
    const path = typeof property === 'string' ? `${prefix}${property}` : undefined;
    if (path !== undefined && typeof unit === 'string') add(path, unit);
    addUnits(features, path === undefined ? prefix : `${path}.`, add, depth + 1);
  }
}
