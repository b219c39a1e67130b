import { z } from 'zod';
import type { AuditEntry } from '#core/contract/audit.js';
import { parseJson } from '#core/contract/alert.js';
import { deviceKey, isName, nameSchema, type DeviceId } from '#core/contract/names.js';
import type { DoorAnswer } from '#core/runtime/http-door.js';
import { deviceOfPath } from '../device-door.js';
import { DoorFault, OperatorDoor, type OperatorDoorOptions, type OperatorRequest } from '../operator-door.js';
import type { DeviceRegistry } from './device-registry.js';

/** Makes the old secrets of a device worthless, and a new one; it is told once. */
export type ReplaceCredential = (device: DeviceId) => Promise<{ readonly token: string }>;

export interface RegistryDoorOptions extends OperatorDoorOptions {
  readonly devices: DeviceRegistry;
  /** Without it no hardware can be replaced: every name is believed. */
  readonly replaceCredential?: ReplaceCredential | undefined;
}

const operator = 'operator';
const title = z.string().min(1).max(128);
const bodies = {
  adopt: z.strictObject({ title: title.optional() }),
  retire: z.strictObject({}),
  title: z.strictObject({ title: title.nullable() }),
  replace: z.strictObject({}),
  rename: z.strictObject({ to: z.string().max(129), force: z.boolean().default(false) }),
  'rename-sensor': z.strictObject({ sensor: nameSchema, to: nameSchema }),
};
type Act = keyof typeof bodies;

const audited: Record<Act, AuditEntry['what']> = {
  adopt: 'adopt',
  retire: 'retire',
  title: 'rename',
  replace: 'replace',
  rename: 'rename',
  'rename-sensor': 'rename',
};

/**
 * `GET /api/v1/registry[?state=…]` lists the devices, `GET /api/v1/registry/<site>/<device>` tells of one, and `POST`
 * behind it adopts, retires, renames or replaces it. All take the operator's token.
 */
export class RegistryDoor extends OperatorDoor {
  readonly maxBodyBytes = 4096;
  protected readonly pattern = /^\/api\/v1\/registry(?:\/([^/]+)\/([^/]+)(?:\/([a-z-]+))?)?$/;

  constructor(private readonly options: RegistryDoorOptions) {
    super(options);
  }

  protected async reply(request: OperatorRequest): Promise<DoorAnswer> {
    const { method, groups, url, body } = request;
    const [site, name, act] = groups;
    if (act !== undefined && !(act in bodies)) throw new DoorFault(404, `${act} is not known here`);
    if (method !== (act === undefined ? 'GET' : 'POST'))
      throw new DoorFault(405, 'POST what is to be done, GET the rest');
    if (site === undefined) return this.list(url.searchParams.get('state'));
    const device = deviceOfPath(site, name);
    if (act === undefined) return { status: 200, body: this.options.devices.describe(device) };
    const asked = parseJson(
      body.byteLength === 0 ? Buffer.from('{}') : body,
      bodies[act as Act] as z.ZodType<object>,
      act,
    );
    const note = { what: audited[act as Act], target: deviceKey(device), detail: detailOf(act, asked) };
    const more = await this.act(request, note, () => this.carryOut(act as Act, this.ownName(device), asked));
    return { status: 200, body: { ...this.options.devices.describe(device), ...more } };
  }

  private list(state: string | null): DoorAnswer {
    const devices = this.options.devices.list().filter((device) => state === null || device.state === state);
    return { status: 200, body: { devices } };
  }

  private async carryOut(act: Act, device: DeviceId, asked: object): Promise<object> {
    const { devices, replaceCredential } = this.options;
    switch (act) {
      case 'adopt':
        await devices.adopt(device, operator, (asked as z.infer<(typeof bodies)['adopt']>).title);
        return {};
      case 'retire':
        await devices.retire(device, operator);
        return {};
      case 'title': {
        const said = (asked as z.infer<(typeof bodies)['title']>).title;
        await devices.entitle(device, operator, said ?? undefined);
        return {};
      }
      case 'replace': {
        if (!replaceCredential)
          throw new DoorFault(409, 'no credentials are kept here: whoever says a name is believed');
        const spoken = devices.spokenOf(device);
        const { token } = await replaceCredential(spoken);
        await devices.noteReplaced(device, operator);
        return { userName: deviceKey(spoken), token };
      }
      case 'rename': {
        const { to, force } = asked as z.infer<(typeof bodies)['rename']>;
        const spoken = this.freeName(device, to, force);
        return { fromUs: await devices.rename(device, spoken, operator) };
      }
      case 'rename-sensor': {
        const { sensor, to } = asked as z.infer<(typeof bodies)['rename-sensor']>;
        return { fromUs: await devices.renameSensor(device, sensor, to, operator) };
      }
    }
  }

  /** Throws DoorFault 409 for a name that only speaks for another device: that one is to be named. */
  private ownName(device: DeviceId): DeviceId {
    const owner = this.options.devices.ownerOf(device);
    if (deviceKey(owner) === deviceKey(device)) return device;
    throw new DoorFault(409, `${deviceKey(device)} is the hardware of ${deviceKey(owner)}: name that one`);
  }

  private freeName(device: DeviceId, to: string, force: boolean): DeviceId {
    const { devices } = this.options;
    const [site, name, ...rest] = to.split('/');
    if (!isName(site) || !isName(name) || rest.length > 0) throw new DoorFault(400, `${to} is not <site>/<device>`);
    const spoken = { site, device: name };
    if (to === deviceKey(devices.spokenOf(device))) throw new DoorFault(409, `it speaks as ${to} already`);
    if (to === deviceKey(device)) return spoken;
    if (
      devices.book.namesOf(spoken).some((alias) => deviceKey(devices.ownerOf(alias)) === to && deviceKey(alias) !== to)
    ) {
      throw new DoorFault(409, `${to} is a device with a name of its own: retire it first, and take another name`);
    }
    if (!force && devices.isKnown(spoken)) {
      const next = 'what it said so far stays under that name; force takes over what it says from now on';
      throw new DoorFault(409, `${to} is known already: ${next}`);
    }
    return spoken;
  }
}

function detailOf(act: string, asked: object): string {
  return [act, ...Object.entries(asked).map(([name, value]) => `${name} ${String(value)}`)].join(', ').slice(0, 500);
}
