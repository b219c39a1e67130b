import { ContractError } from '#core/contract/contract-error.js';
import { maxConfigBytes, readSignedConfig, type SignedConfig } from '#core/contract/desired-config.js';
import { deviceEventKey } from '#core/contract/device-events.js';
import { logTopics } from '#core/contract/log-topics.js';
import { isName, type DeviceId } from '#core/contract/names.js';
import type { EventLog } from '#core/log/log.js';
import { messageOf } from '#core/runtime/errors.js';
import type { DoorAnswer, DoorRequest, HttpDoor } from '#core/runtime/http-door.js';
import { isOperator } from '#core/runtime/operator-token.js';
import type { DesiredConfigs } from './desired-configs.js';

export interface ConfigDoorOptions {
  readonly log: EventLog;
  readonly configs: DesiredConfigs;
  /** The secret of the operator's token. */
  readonly secret: Uint8Array;
}

const pathPattern = /^\/api\/v1\/devices\/([^/]+)\/([^/]+)\/config$/;

/**
 * `PUT /api/v1/devices/<site>/<device>/config` with a signed config makes it the desired one; `GET` tells what is desired
 * and what the device reported. Both take the operator's token. Whether the signature is right only the device can say.
 */
export class ConfigDoor implements HttpDoor {
  readonly maxBodyBytes = maxConfigBytes;

  constructor(private readonly options: ConfigDoorOptions) {}

  opens(path: string): boolean {
    return pathPattern.test(path);
  }

  async answer({ method, url, authorization, body }: DoorRequest): Promise<DoorAnswer> {
    if (!isOperator(this.options.secret, authorization)) return fault(401, 'this takes the token of the operator');
    const [, site, name] = pathPattern.exec(url.pathname)!;
    if (!isName(site) || !isName(name)) return fault(404, 'no such device can be');
    const device = { site, device: name };
    if (method === 'GET') return this.tell(device);
    return method === 'PUT' ? this.put(device, body, url.searchParams.has('force')) : fault(405, 'only GET and PUT');
  }

  private tell(device: DeviceId): DoorAnswer {
    const { desired, reported } = this.options.configs.get(device);
    const named = desired && { version: desired.version, hash: desired.hash };
    return { status: 200, body: { desired: named ?? null, reported: reported ?? null } };
  }

  private async put(device: DeviceId, payload: Uint8Array, force: boolean): Promise<DoorAnswer> {
    let signed: SignedConfig;
    try {
      signed = readSignedConfig(payload, device);
    } catch (error) {
      if (error instanceof ContractError) return fault(400, error.message);
      throw error;
    }
    const refused = force ? undefined : this.refuses(device, signed);
    if (refused !== undefined) return fault(409, refused);
    const record = { key: deviceEventKey(device, 'config'), value: payload };
    try {
      await this.options.log.append(logTopics.deviceEvents.name, [record]);
    } catch (error) {
      return fault(503, `the log did not take it: ${messageOf(error)}`);
    }
    return { status: 200, body: { version: signed.document.version, hash: signed.hash } };
  }

  /** What the device would refuse anyway is better refused while a person is there to see it. */
  private refuses(device: DeviceId, { document, hash }: SignedConfig): string | undefined {
    const { desired } = this.options.configs.get(device);
    if (!desired || document.version > desired.version || hash === desired.hash) return undefined;
    return `version ${document.version} is not newer than ${desired.version}, which is desired now`;
  }
}

function fault(status: number, error: string): DoorAnswer {
  return { status, body: { error } };
}
