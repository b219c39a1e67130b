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

/** Home Assistant's short forms of what is read here. */
const longForms: Readonly<Record<string, string>> = {
  '~': '~',
  dev: 'device',
  dev_cla: 'device_class',
  ids: 'identifiers',
  obj_id: 'object_id',
  pl_off: 'payload_off',
  pl_on: 'payload_on',
  stat_t: 'state_topic',
  stat_off: 'state_off',
  stat_on: 'state_on',
  uniq_id: 'unique_id',
  unit_of_meas: 'unit_of_measurement',
  val_tpl: 'value_template',
};

/** `<component>/[<node id>/]<object id>`, what stands between the prefix and `/config`; undefined for anything else. */
export function discoveryPlace(
  path: string,
): { component: string; node: string | undefined; object: string } | undefined {
  const [component, ...ids] = path.split('/');
  if (component === undefined || !components.has(component) || ids.length < 1 || ids.length > 2) return undefined;
  return { component, node: ids.length === 2 ? ids[0] : undefined, object: ids.at(-1)! };
}

/**
 * The entity of a discovery message. Throws ContractError `schema` if it has no state topic, or a value template that
 * calculates.
 */
export function readEntity(place: NonNullable<ReturnType<typeof discoveryPlace>>, message: Json): Entity {
  if (!isObject(message)) throw new ContractError('schema', 'a discovery message is an object');
  const told = expand(message);
  const text = (name: string) => (typeof told[name] === 'string' ? told[name] : undefined);
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
  return typeof first === 'string' && first !== '' ? first : undefined;
}
