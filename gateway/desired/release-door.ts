import { parseJson } from '#core/contract/alert.js';
import { deviceKey, type DeviceId } from '#core/contract/names.js';
import { desiredReleaseSchema, maxManifestBytes, type DesiredRelease } from '#core/contract/release.js';
import type { DoorAnswer } from '#core/runtime/http-door.js';
import {
  deviceOfPath,
  DoorFault,
  OperatorDoor,
  type OperatorDoorOptions,
  type OperatorRequest,
} from '../operator-door.js';
import type { DesiredReleases } from './desired-releases.js';

export interface ReleaseDoorOptions extends OperatorDoorOptions {
  readonly desired: DesiredReleases;
}

/**
 * `PUT /api/v1/devices/<site>/<device>/release` with a desired release makes it the one that the device is to run; `GET`
 * tells what is desired and what the device reported; `DELETE` takes the desire back, and the device keeps what it has.
 */
export class ReleaseDoor extends OperatorDoor {
  readonly maxBodyBytes = 2 * maxManifestBytes + 8192;
  protected readonly pattern = /^\/api\/v1\/devices\/([^/]+)\/([^/]+)\/release$/;

  constructor(private readonly options: ReleaseDoorOptions) {
    super(options);
  }

  protected async reply(request: OperatorRequest): Promise<DoorAnswer> {
    const { method, groups, body } = request;
    const device = deviceOfPath(groups[0], groups[1]);
    if (method === 'GET') return this.tell(device);
    if (method === 'DELETE') return this.say(request, device, undefined, 'taken back');
    if (method !== 'PUT') throw new DoorFault(405, 'only GET, PUT and DELETE');
    const wanted = parseJson(body, desiredReleaseSchema, 'desired release');
    return this.say(request, device, wanted, `id ${wanted.id}`);
  }

  private tell(device: DeviceId): DoorAnswer {
    const { id, version } = this.options.desired.desired(device) ?? {};
    const desired = id === undefined ? null : { id, version };
    return { status: 200, body: { desired, reported: this.options.desired.reported(device) ?? null } };
  }

  private async say(
    request: OperatorRequest,
    device: DeviceId,
    release: DesiredRelease | undefined,
    detail: string,
  ): Promise<DoorAnswer> {
    const note = { what: 'release', target: deviceKey(device), detail } as const;
    await this.act(request, note, () => this.options.desired.desire([{ device, release }]));
    return this.tell(device);
  }
}
