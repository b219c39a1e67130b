import { deviceKey, type DeviceId } from '#core/contract/names.js';
import { systemClock } from '#core/runtime/clock.js';
import { askOperator, type OperatorApi } from './operator.js';

/** A device as the gateway lists it. */
export interface ListedDevice extends DeviceId {
  readonly state: 'unknown' | 'adopted' | 'retired';
  readonly title: string | null;
  readonly speaksAs: string | null;
  readonly lastSeenUs: number | null;
  /** Not told by older gateways. */
  readonly certificateEndsUs?: number | null;
}

/** What was done, for a person, and as JSON. */
export interface Told {
  readonly text: string;
  readonly result: object;
}

export async function listDevices(api: OperatorApi, state: string | undefined): Promise<Told> {
  const query = state === undefined ? '' : `?state=${state}`;
  const { devices } = await askOperator<{ devices: ListedDevice[] }>(api, 'GET', `/api/v1/registry${query}`);
  const none = state === undefined ? 'No device is known.' : `No device is ${state}.`;
  return { text: devices.map(lineOf).join('\n') || none, result: devices };
}

export async function adoptDevices(api: OperatorApi, devices: readonly DeviceId[], title?: string): Promise<Told> {
  for (const device of devices) await act(api, device, 'adopt', title === undefined ? {} : { title });
  const names = devices.map(deviceKey);
  return { text: names.map((name) => `${name} is adopted.`).join('\n') || 'No device is unknown.', result: names };
}

/** Those that nobody has adopted. */
export async function unknownDevices(api: OperatorApi): Promise<DeviceId[]> {
  const { result } = await listDevices(api, 'unknown');
  return result as ListedDevice[];
}

export async function retireDevice(api: OperatorApi, device: DeviceId): Promise<Told> {
  const result = await act(api, device, 'retire', {});
  return { text: `${deviceKey(device)} is retired: it may not connect, and what it measured stays.`, result };
}

export async function entitleDevice(api: OperatorApi, device: DeviceId, title: string): Promise<Told> {
  const result = await act(api, device, 'title', { title: title === '' ? null : title });
  return { text: title === '' ? `${deviceKey(device)} has no title.` : `${deviceKey(device)} is "${title}".`, result };
}

export async function renameDevice(api: OperatorApi, device: DeviceId, to: string, force: boolean): Promise<Told> {
  const result = await act(api, device, 'rename', { to, force });
  const next = `Set edge.site and edge.device of the hardware to it; fieldline device token ${to} prints its password.`;
  return { text: `The hardware of ${deviceKey(device)} speaks as ${to}, and its history goes on. ${next}`, result };
}

export async function renameSensor(api: OperatorApi, device: DeviceId, sensor: string, to: string): Promise<Told> {
  const result = await act(api, device, 'rename-sensor', { sensor, to });
  return { text: `What ${deviceKey(device)} calls ${sensor} goes on in ${to}.`, result };
}

export async function replaceDevice(api: OperatorApi, device: DeviceId): Promise<Told> {
  const result = await act<{ userName: string; token: string }>(api, device, 'replace', {});
  const lines = [
    `What the old hardware of ${deviceKey(device)} could show is revoked. The new one:`,
    `  user name  ${result.userName}`,
    `  password   ${result.token}`,
    'It is told this once: write it down now.',
  ];
  return { text: lines.join('\n'), result };
}

function act<T extends object>(api: OperatorApi, device: DeviceId, what: string, body: object): Promise<T> {
  const path = `/api/v1/registry/${deviceKey(device)}/${what}`;
  return askOperator<T>(api, 'POST', path, Buffer.from(JSON.stringify(body)));
}

function lineOf({ state, title, speaksAs, lastSeenUs, certificateEndsUs, ...device }: ListedDevice): string {
  const parts = [
    ...(title === null ? [] : [`"${title}"`]),
    ...(speaksAs === null ? [] : [`speaks as ${speaksAs}`]),
    ...(lastSeenUs === null ? ['never let in'] : [`last seen ${new Date(lastSeenUs / 1000).toISOString()}`]),
    ...certificateLine(device, certificateEndsUs ?? null),
  ];
  return `${deviceKey(device)}  ${state}  ${parts.join(', ')}`;
}

/** Nothing of a certificate that will do for long: the device renews it by itself. */
function certificateLine(device: DeviceId, endsUs: number | null): string[] {
  if (endsUs === null || endsUs > systemClock.nowUs()) return [];
  const ended = new Date(endsUs / 1000).toISOString();
  return [`its certificate expired at ${ended}: fieldline device enrol ${deviceKey(device)}`];
}
