import { ContractError } from '#core/contract/contract-error.js';
import { isObject, type Json, type JsonObject } from './json-value.js';
import { valueReader, type ValueReader } from './value-template.js';

/** An entity that Home Assistant would show, as a discovery message tells of it. */
export interface Entity {
  readonly component: string;
  readonly stateTopic: string;
  /** Of the device that it belongs to, or its own. */
  readonly device: string;
  readonly sensor: string;
  readonly quantity: string | undefined;
  readonly unit: string | undefined;
  readonly read: ValueReader;
  readonly on: string;
  readonly off: string;
}

/** Components whose state is a reading. */
const components = new Set(['sensor', 'binary_sensor', 'switch', 'number']);

/** An entity is remembered for as long as it is announced. */
const maxTextLength = 1000;

/** Home Assistant's short forms of what is read here. */
const longForms: Readonly<Record<string, string>> = {
  '~': '~',
  cmps: 'components',
  dev: 'device',
  dev_cla: 'device_class',
  ids: 'identifiers',
  obj_id: 'object_id',
  p: 'platform',
  pl_off: 'payload_off',
  pl_on: 'payload_on',
  stat_t: 'state_topic',
  stat_off: 'state_off',
  stat_on: 'state_on',
  uniq_id: 'unique_id',
  unit_of_meas: 'unit_of_measurement',
  val_tpl: 'value_template',
};

/** What stands between the prefix and `/config`: `<component>/[<node id>/]<object id>`, or `device/<object id>`. */
interface Place {
  readonly component: string;
  readonly node: string | undefined;
  readonly object: string;
}

/**
 * The entities of a discovery message; none of a component whose state is no reading. Throws ContractError `schema` if one
 * has no state topic, or a value template that calculates.
 */
export function readEntities(path: string, message: Json): Entity[] {
  const [component = '', ...ids] = path.split('/');
  const place = { component, node: ids.length > 1 ? ids[0] : undefined, object: ids.at(-1) ?? component };
  if (component !== 'device' && !components.has(component)) return [];
  if (!isObject(message)) throw new ContractError('schema', 'a discovery message is an object');
  const told = expand(message);
  return component === 'device' ? entitiesOf(place, told) : [readEntity(place, told)];
}

/** Of a message that tells of a whole device: what its components do not say themselves, they have from it. */
function entitiesOf(place: Place, { components: inner, ...shared }: JsonObject): Entity[] {
  if (!isObject(inner)) throw new ContractError('schema', 'a device without components');
  return Object.entries(inner).flatMap(([object, config]) => {
    const told = isObject(config) ? expand(config) : {};
    const { platform } = told;
    if (typeof platform !== 'string' || !components.has(platform)) return [];
    return [readEntity({ component: platform, node: place.object, object }, { ...shared, ...told })];
  });
}

function readEntity(place: Place, told: JsonObject): Entity {
  const text = (name: string) => {
    const value = told[name];
    if (typeof value !== 'string') return undefined;
    if (value.length > maxTextLength) throw new ContractError('too-large', `${name} of ${value.length} characters`);
    return value;
  };
  const base = text('~') ?? '';
  const stateTopic = text('state_topic')?.replace(/^~|~$/g, () => base);
  if (stateTopic === undefined) throw new ContractError('schema', 'a discovery message without state_topic');
  const template = text('value_template');
  const read = valueReader(template);
  if (!read) throw new ContractError('schema', `value_template is more than a place: ${template?.slice(0, 80)}`);
  return {
    component: place.component,
    stateTopic,
    device: deviceOf(told) ?? place.node ?? place.object,
    sensor: text('object_id') ?? place.object,
    quantity: text('device_class'),
    unit: text('unit_of_measurement'),
    read,
    on: text('state_on') ?? text('payload_on') ?? 'ON',
    off: text('state_off') ?? text('payload_off') ?? 'OFF',
  };
}

function expand(message: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(message).map(([name, value]) => [Object.hasOwn(longForms, name) ? longForms[name]! : name, value]),
  );
}

/** The first identifier of its device: names are for people, and change. */
function deviceOf({ device }: JsonObject): string | undefined {
  if (!isObject(device)) return undefined;
  const { identifiers } = expand(device);
  const first = Array.isArray(identifiers) ? (identifiers as readonly Json[])[0] : identifiers;
  return typeof first === 'string' && first !== '' ? first.slice(0, maxTextLength) : undefined;
}
