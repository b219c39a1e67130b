import { z } from 'zod';
import { ContractError } from '#core/contract/contract-error.js';
import { nameSchema } from '#core/contract/names.js';
import type { Value } from '#core/contract/reading.js';
import { Batches } from '../batches.js';
import type { ForeignDecoded, ForeignDecoder, ForeignMessage } from '../foreign.js';
import { converted, convertUnit } from '../foreign-units.js';
import { NameMaker } from '../names.js';
import { topicFiltersSchema, type ForeignSourceKind } from '../source.js';
import { discoveryPlace, readEntity, type Entity } from './discovery.js';
import { parseJsonPayload } from './json-value.js';

interface HomeAssistantOptions {
  readonly site: string;
  readonly prefix: string;
}

/** Devices that announce themselves to Home Assistant. */
export const homeAssistantSource = {
  summary: `Devices that announce themselves as Home Assistant's MQTT discovery wants it, such as ESPHome:
\`homeassistant/<component>/[<node>/]<object>/config\` tells of the state topic, unit and device class of a sensor, binary sensor,
number or switch. Value templates that only say where the value stands are read; one that calculates is set aside. \`topics\` must take
the state topics, too; a state that nobody announced is set aside, to be replayed once it was.`,
  example: `- type: home-assistant
  topics: ['homeassistant/#', 'esphome/#']
  writers: [esphome-garage]
  site: home`,
  shape: {
    topics: topicFiltersSchema.default(['homeassistant/#']).describe('Topic filters, as of a subscription'),
    site: nameSchema.default('foreign').describe('Site of its devices'),
    prefix: z.string().min(1).default('homeassistant').describe('Discovery prefix'),
  },
  open: (options: HomeAssistantOptions) => new HomeAssistantDecoder(options),
} satisfies ForeignSourceKind;

const nothing: ForeignDecoded = { batches: [] };
const [maxEntities, maxEntitiesOfTopic] = [20_000, 500];

class HomeAssistantDecoder implements ForeignDecoder {
  private readonly names = new NameMaker();
  /** By discovery topic. */
  private readonly entities = new Map<string, Entity>();
  /** Discovery topics by state topic. */
  private readonly states = new Map<string, Set<string>>();

  constructor(private readonly options: HomeAssistantOptions) {}

  decode(message: ForeignMessage): ForeignDecoded {
    const { topic, payload } = message;
    const prefix = `${this.options.prefix}/`;
    if (topic.startsWith(prefix) && topic.endsWith('/config')) {
      this.learn(topic, topic.slice(prefix.length, -'/config'.length), payload);
      return nothing;
    }
    const known = this.states.get(topic);
    if (known) return this.state(known, message);
    // Home Assistant says there that it starts.
    if (topic === `${prefix}status`) return nothing;
    throw new ContractError('unknown-metric', `no discovery message told of ${topic.slice(0, 200)}`);
  }

  private learn(topic: string, path: string, payload: Uint8Array): void {
    const place = discoveryPlace(path);
    if (!place) return;
    if (payload.byteLength === 0) return this.forget(topic);
    const entity = readEntity(place, parseJsonPayload(payload));
    this.forget(topic);
    const topics = this.states.get(entity.stateTopic) ?? new Set();
    if (this.entities.size >= maxEntities || topics.size >= maxEntitiesOfTopic) {
      throw new ContractError('too-large', 'too many entities');
    }
    this.entities.set(topic, entity);
    this.states.set(entity.stateTopic, topics.add(topic));
  }

  private forget(topic: string): void {
    const entity = this.entities.get(topic);
    if (!entity) return;
    this.entities.delete(topic);
    const topics = this.states.get(entity.stateTopic);
    topics?.delete(topic);
    if (topics?.size === 0) this.states.delete(entity.stateTopic);
  }

  private state(topics: ReadonlySet<string>, { payload, receivedUs }: ForeignMessage): ForeignDecoded {
    const batches = new Batches();
    for (const topic of topics) {
      const entity = this.entities.get(topic)!;
      const told = entity.read(payload);
      if (told === undefined || isUnknown(told)) continue;
      const { device, sensor, quantity, unit } = entity;
      const conversion = unit === undefined ? undefined : convertUnit(unit, quantity ?? sensor);
      const value = stateValue(told, entity);
      batches.add(
        { site: this.options.site, device: this.names.of(device) },
        {
          sensor: this.names.of(sensor),
          value: typeof value === 'number' && conversion ? converted(value, conversion) : value,
          quantity,
          unit: conversion?.unit ?? unit,
          timeUs: receivedUs,
          atReceipt: true,
          quality: 'good',
        },
      );
    }
    return { batches: batches.list() };
  }
}

/** What Home Assistant itself takes for no state. */
function isUnknown(told: Value): boolean {
  return told === '' || told === 'None' || told === 'unknown' || told === 'unavailable';
}

function stateValue(told: Value, { component, on, off }: Entity): Value {
  if (component !== 'binary_sensor' && component !== 'switch') return told;
  if (String(told) === on) return true;
  return String(told) === off ? false : told;
}
