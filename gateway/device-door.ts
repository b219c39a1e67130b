import { isName, type DeviceId } from '#core/contract/names.js';
import type { DoorAnswer } from '#core/runtime/http-door.js';
import { DoorFault, OperatorDoor, type OperatorDoorOptions, type OperatorRequest } from './operator-door.js';

/** What an operator asks of one device. */
export interface DeviceRequest extends OperatorRequest {
  readonly device: DeviceId;
  /** What stands behind the place, of a door that has ids. */
  readonly id: string | undefined;
}

/** A door at `/api/v1/devices/<site>/<device>/<place>`, and at `/<id>` behind it if it has ids. */
export abstract class DeviceDoor extends OperatorDoor {
  protected readonly pattern: RegExp;

  constructor(seams: OperatorDoorOptions, place: string, { hasIds = false } = {}) {
    super(seams);
    this.pattern = new RegExp(`^/api/v1/devices/([^/]+)/([^/]+)/${place}${hasIds ? '(?:/([^/]+))?' : ''}$`);
  }

  protected reply(request: OperatorRequest): Promise<DoorAnswer> {
    const [site, device, id] = request.groups;
    return this.replyOf({ ...request, device: deviceOfPath(site, device), id });
  }

  /** As `OperatorDoor.reply`, once it is known of which device. */
  protected abstract replyOf(request: DeviceRequest): Promise<DoorAnswer>;
}

/** Throws DoorFault 404. */
export function deviceOfPath(site: string | undefined, device: string | undefined): DeviceId {
  if (!isName(site) || !isName(device)) throw new DoorFault(404, 'no such device can be');
  return { site, device };
}
