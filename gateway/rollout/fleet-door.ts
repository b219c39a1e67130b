import type { DoorAnswer } from '#core/runtime/http-door.js';
import type { ReleaseReport } from '#core/contract/release.js';
import { deviceKey } from '#core/contract/names.js';
import type { DesiredReleases } from '../desired/desired-releases.js';
import { DoorFault, OperatorDoor, type OperatorDoorOptions, type OperatorRequest } from '../operator-door.js';
import type { FleetBook, KnownDevice, Labels } from './fleet-book.js';
import { parseSelector, SelectorError } from './selector.js';

export interface FleetDoorOptions extends OperatorDoorOptions {
  readonly fleet: FleetBook;
  readonly desired: DesiredReleases;
  readonly silentAfterMs: number;
}

/** A device as `GET /api/v1/fleet` tells it. */
export interface FleetView {
  readonly site: string;
  readonly device: string;
  /** What runs, as it reported, or as its birth named it. */
  readonly version: string;
  /** Null for one that takes no releases. */
  readonly arch: string | null;
  readonly desired: { readonly version: string; readonly id: string } | null;
  readonly report: ReleaseReport | null;
  readonly labels: Labels;
  readonly online: boolean;
  readonly lastSeenUs: number;
}

/** `GET /api/v1/fleet[?only=<selector>]`: the devices, and what they run. Takes the operator's token. */
export class FleetDoor extends OperatorDoor {
  readonly maxBodyBytes = 0;
  protected readonly pattern = /^\/api\/v1\/fleet$/;

  constructor(private readonly options: FleetDoorOptions) {
    super(options);
  }

  protected reply({ method, url }: OperatorRequest): Promise<DoorAnswer> {
    if (method !== 'GET') throw new DoorFault(405, 'only GET');
    const devices = [...this.options.fleet.all()].filter(selectorOf(url.searchParams.get('only') ?? 'all'));
    const views = devices.map((device) => this.view(device)).sort((a, b) => (deviceKey(a) < deviceKey(b) ? -1 : 1));
    return Promise.resolve({ status: 200, body: { devices: views } });
  }

  private view(device: KnownDevice): FleetView {
    const { fleet, desired, clock, silentAfterMs } = this.options;
    const { id, version } = desired.desired(device) ?? {};
    const report = desired.reported(device) ?? null;
    return {
      ...{ site: device.site, device: device.device, version: report?.running || device.version },
      arch: report?.arch ?? null,
      desired: id === undefined ? null : { id, version: version! },
      ...{ report, labels: device.labels, lastSeenUs: device.lastSeenUs },
      online: fleet.isOnline(device, clock.nowUs(), silentAfterMs),
    };
  }
}

function selectorOf(text: string): (device: KnownDevice) => boolean {
  try {
    return parseSelector(text);
  } catch (error) {
    if (error instanceof SelectorError) throw new DoorFault(400, error.message);
    throw error;
  }
}
