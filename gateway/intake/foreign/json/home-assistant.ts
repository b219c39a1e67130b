import { z } from 'zod';
import { ContractError } from '#core/contract/contract-error.js';
import { nameSchema } from '#core/contract/names.js';
import type { Value } from '#core/contract/reading.js';
import { Batches } from '../batches.js';
import type { ForeignDecoded, ForeignDecoder, ForeignMessage } from '../foreign.js';
import { converted, convertUnit } from '../foreign-units.js';
import { NameMaker } from '../names.js';
import { topicFiltersSchema, type ForeignSourceKind } from '../source.js';
import { readEntities, type Entity } from './discovery.js';
import { parseJsonPayload } from './json-value.js';

interface HomeAssistantOptions {
  readonly site: string;
  readonly prefix: string;
}

/** Devices that announce themselves to Home Assistant. */
export const homeAssistantSource = {
  summary: `Devices that announce themselves as Home Assistant's MQTT discovery wants it, such as ESPHome:
\`homeassistant/<component>/[<node>/]<object>/config\`, or \`homeassistant/device/<object>/config\` for all of a device, tells of the
state topic, unit and device class of a sensor, binary sensor, number or switch. Value templates that only say where the value
stands are read; one that calculates is set aside. \`topics\` must take the state topics, too; a state that nobody announced is set
aside, to be replayed once it was.`,
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
  private readonly entities = new Map<string, readonly Entity[]>();
  /** By state topic. */
  private readonly states = new Map<string, Set<Entity>>();
  private count = 0;

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
    // An empty message takes it back.
    const entities = payload.byteLength === 0 ? [] : readEntities(path, parseJsonPayload(payload));
    this.forget(topic);
    const isFull = ({ stateTopic }: Entity) => (this.states.get(stateTopic)?.size ?? 0) >= maxEntitiesOfTopic;
    if (this.count + entities.length > maxEntities || entities.length > maxEntitiesOfTopic || entities.some(isFull)) {
      throw new ContractError('too-large', 'too many entities');
    }
    if (entities.length === 0) return;
    this.entities.set(topic, entities);
    this.count += entities.length;
    for (const entity of entities) {
      const known = this.states.get(entity.stateTopic);
      if (known) known.add(entity);
      else this.states.set(entity.stateTopic, new Set([entity]));
    }
  }

  private forget(topic: string): void {
    const entities = this.entities.get(topic) ?? [];
    this.entities.delete(topic);
    this.count -= entities.length;
    for (const entity of entities) {
      const known = this.states.get(entity.stateTopic);
      known?.delete(entity);
      if (known?.size === 0) this.states.delete(entity.stateTopic);
    }
  }

  private state(entities: ReadonlySet<Entity>, { payload, receivedUs }: ForeignMessage): ForeignDecoded {
    const batches = new Batches();
    for (const entity of entities) {
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
