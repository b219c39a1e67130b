import { parseJson } from '#core/contract/alert.js';
import { deviceKey, type DeviceId } from '#core/contract/names.js';
import { desiredReleaseSchema, maxManifestBytes, type DesiredRelease } from '#core/contract/release.js';
import type { DoorAnswer } from '#core/runtime/http-door.js';
import { DeviceDoor, type DeviceRequest } from '../device-door.js';
import { DoorFault, type OperatorDoorOptions, type OperatorRequest } from '../operator-door.js';
import type { DesiredReleases } from './desired-releases.js';

export interface ReleaseDoorOptions extends OperatorDoorOptions {
  readonly desired: DesiredReleases;
}

/**
 * `PUT /api/v1/devices/<site>/<device>/release` with a desired release makes it the one that the device is to run; `GET`
 * tells what is desired and what the device reported; `DELETE` takes the desire back, and the device keeps what it has.
 */
export class ReleaseDoor extends DeviceDoor {
  readonly maxBodyBytes = 2 * maxManifestBytes + 8192;

  constructor(private readonly options: ReleaseDoorOptions) {
    super(options, 'release');
  }

  protected async replyOf(request: DeviceRequest): Promise<DoorAnswer> {
    const { method, device, body } = request;
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
