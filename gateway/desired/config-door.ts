import { maxConfigBytes, readSignedConfig, type SignedConfig } from '#core/contract/desired-config.js';
import { deviceEventKey } from '#core/contract/device-events.js';
import { logTopics } from '#core/contract/log-topics.js';
import { deviceKey, type DeviceId } from '#core/contract/names.js';
import type { EventLog } from '#core/log/log.js';
import type { DoorAnswer } from '#core/runtime/http-door.js';
import { DeviceDoor, type DeviceRequest } from '../device-door.js';
import { DoorFault, type OperatorDoorOptions, type OperatorRequest } from '../operator-door.js';
import type { DesiredConfigs } from './desired-configs.js';

export interface ConfigDoorOptions extends OperatorDoorOptions {
  readonly log: EventLog;
  readonly configs: DesiredConfigs;
}

/**
 * `PUT /api/v1/devices/<site>/<device>/config` with a signed config makes it the desired one; `GET` tells what is desired
 * and what the device reported; `DELETE` takes the desire back, and the device stays as it is. All take the operator's
 * token. Whether the signature is right only the device can say.
 */
export class ConfigDoor extends DeviceDoor {
  readonly maxBodyBytes = maxConfigBytes;

  constructor(private readonly options: ConfigDoorOptions) {
    super(options, 'config');
  }

  protected async replyOf(request: DeviceRequest): Promise<DoorAnswer> {
    const { method, device, body, url } = request;
    if (method === 'GET') return this.tell(device);
    if (method === 'DELETE') return this.remove(request, device);
    if (method !== 'PUT') throw new DoorFault(405, 'only GET, PUT and DELETE');
    return this.put(request, device, readSignedConfig(body, device), url.searchParams.has('force'));
  }

  private tell(device: DeviceId): DoorAnswer {
    const { desired, reported } = this.options.configs.get(device);
    const named = desired && { version: desired.version, hash: desired.hash };
    return { status: 200, body: { desired: named ?? null, reported: reported ?? null } };
  }

  private async put(
    request: OperatorRequest,
    device: DeviceId,
    signed: SignedConfig,
    force: boolean,
  ): Promise<DoorAnswer> {
    const { version } = signed.document;
    const note = { what: 'config', target: deviceKey(device), detail: `version ${version}` } as const;
    await this.act(request, note, async () => {
      const refused = force ? undefined : this.refuses(device, signed);
      if (refused !== undefined) throw new DoorFault(409, refused);
      await this.append(device, request.body);
    });
    return { status: 200, body: { version, hash: signed.hash } };
  }

  private async remove(request: OperatorRequest, device: DeviceId): Promise<DoorAnswer> {
    const { desired } = this.options.configs.get(device);
    const detail = `version ${desired?.version ?? 'unknown'} taken back`;
    const note = { what: 'config', target: deviceKey(device), detail } as const;
    await this.act(request, note, () => this.append(device, new Uint8Array()));
    return { status: 200, body: { desired: null } };
  }

  private append(device: DeviceId, value: Uint8Array): Promise<void> {
    return this.options.log.append(logTopics.deviceEvents.name, [{ key: deviceEventKey(device, 'config'), value }]);
  }

  /** What the device would refuse anyway is better refused while a person is there to see it. */
  private refuses(device: DeviceId, { document, hash }: SignedConfig): string | undefined {
    const { desired } = this.options.configs.get(device);
    if (!desired || document.version > desired.version || hash === desired.hash) return undefined;
    return `version ${document.version} is not newer than ${desired.version}, which is desired now`;
  }
}
