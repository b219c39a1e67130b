import { isName, type DeviceId } from './names.js';

const root = 'fieldline';

/** What a device writes for the log (`data alert state result`) and what it only reads (`config command release enrolled`). */
export type UpTopic = 'data' | 'alert' | 'state' | 'result';
export type DownTopic = 'config' | 'command' | 'release' | 'enrolled';
/** What it asks of the gateway itself: a certificate, answered on `enrolled`. It never reaches the log. */
export type AskTopic = 'enrol';

export interface DeviceTopic extends DeviceId {
  readonly kind: UpTopic | DownTopic | AskTopic;
  /** The id below `result` and `command`. */
  readonly id?: string;
}

const kinds = new Map<string, { to: 'log' | 'gateway' | 'device'; id: boolean }>([
  ['data', { to: 'log', id: false }],
  ['alert', { to: 'log', id: false }],
  ['state', { to: 'log', id: false }],
  ['result', { to: 'log', id: true }],
  ['config', { to: 'device', id: false }],
  ['command', { to: 'device', id: true }],
  ['release', { to: 'device', id: false }],
  ['enrol', { to: 'gateway', id: false }],
  ['enrolled', { to: 'device', id: false }],
]);

/** `fieldline/<site>/<device>/<kind>[/<id>]` */
export function mqttTopic(device: DeviceId, kind: DeviceTopic['kind'], id?: string): string {
  const topic = `${root}/${device.site}/${device.device}/${kind}`;
  return id === undefined ? topic : `${topic}/${id}`;
}

/** Whether it is one that devices write for the log. */
export function isUpTopic<T extends DeviceTopic>(topic: T): topic is T & { readonly kind: UpTopic } {
  return kinds.get(topic.kind)!.to === 'log';
}

/** The parts of one of our topics, without wildcards; undefined for anything else. */
export function parseMqttTopic(topic: string): DeviceTopic | undefined {
  const [first, site, device, kind, id, ...rest] = topic.split('/');
  const shape = kind === undefined ? undefined : kinds.get(kind);
  if (first !== root || !shape || !isName(site) || !isName(device) || rest.length > 0) return undefined;
  if (shape.id ? !isName(id) : id !== undefined) return undefined;
  return { site, device, kind: kind as DeviceTopic['kind'], ...(id !== undefined && { id }) };
}

/** Whether `device` may publish to `topic`: its own data, alert, state and results, and the request for a certificate. */
export function mayPublish(device: DeviceId, topic: string): boolean {
  const parsed = parseMqttTopic(topic);
  return parsed !== undefined && isOwn(device, parsed) && kinds.get(parsed.kind)!.to !== 'device';
}

/** Whether `device` may subscribe to `filter`: its own config and commands; a wildcard only for the command's id. */
export function maySubscribe(device: DeviceId, filter: string): boolean {
  const own = `${root}/${device.site}/${device.device}/`;
  if (filter === `${own}command/+` || filter === `${own}command/#`) return true;
  const parsed = parseMqttTopic(filter);
  return parsed !== undefined && isOwn(device, parsed) && kinds.get(parsed.kind)!.to === 'device';
}

function isOwn(device: DeviceId, topic: DeviceId): boolean {
  return topic.site === device.site && topic.device === device.device;
}
