import { isName, type DeviceId } from './names.js';

const root = 'fieldline';

/** What a device writes (`data alert state result`) and what it only reads (`config command release`). */
export type UpTopic = 'data' | 'alert' | 'state' | 'result';
export type DownTopic = 'config' | 'command' | 'release';

export interface DeviceTopic extends DeviceId {
  readonly kind: UpTopic | DownTopic;
  /** The id below `result` and `command`. */
  readonly id?: string;
}

const kinds = new Map<string, { up: boolean; id: boolean }>([
  ['data', { up: true, id: false }],
  ['alert', { up: true, id: false }],
  ['state', { up: true, id: false }],
  ['result', { up: true, id: true }],
  ['config', { up: false, id: false }],
  ['command', { up: false, id: true }],
  ['release', { up: false, id: false }],
]);

/** `fieldline/<site>/<device>/<kind>[/<id>]` */
export function mqttTopic(device: DeviceId, kind: UpTopic | DownTopic, id?: string): string {
  const topic = `${root}/${device.site}/${device.device}/${kind}`;
  return id === undefined ? topic : `${topic}/${id}`;
}

/** Whether it is one that devices write. */
export function isUpTopic<T extends DeviceTopic>(topic: T): topic is T & { readonly kind: UpTopic } {
  return kinds.get(topic.kind)!.up;
}

/** The parts of one of our topics, without wildcards; undefined for anything else. */
export function parseMqttTopic(topic: string): DeviceTopic | undefined {
  const [first, site, device, kind, id, ...rest] = topic.split('/');
  const shape = kind === undefined ? undefined : kinds.get(kind);
  if (first !== root || !shape || !isName(site) || !isName(device) || rest.length > 0) return undefined;
  if (shape.id ? !isName(id) : id !== undefined) return undefined;
  return { site, device, kind: kind as DeviceTopic['kind'], ...(id !== undefined && { id }) };
}

/** Whether `device` may publish to `topic`: its own data, alert, state and results. */
export function mayPublish(device: DeviceId, topic: string): boolean {
  const parsed = parseMqttTopic(topic);
  return parsed !== undefined && isOwn(device, parsed) && kinds.get(parsed.kind)!.up;
}

/** Whether `device` may subscribe to `filter`: its own config and commands; a wildcard only for the command's id. */
export function maySubscribe(device: DeviceId, filter: string): boolean {
  const own = `${root}/${device.site}/${device.device}/`;
  if (filter === `${own}command/+` || filter === `${own}command/#`) return true;
  const parsed = parseMqttTopic(filter);
  return parsed !== undefined && isOwn(device, parsed) && !kinds.get(parsed.kind)!.up;
}

function isOwn(device: DeviceId, topic: DeviceId): boolean {
  return topic.site === device.site && topic.device === device.device;
}
