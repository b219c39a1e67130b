import type { DeviceId } from '#core/contract/names.js';
import type { DoorAnswer } from '#core/runtime/http-door.js';
import { DeviceDoor, type DeviceRequest } from '../device-door.js';
import { DoorFault, type OperatorDoorOptions } from '../operator-door.js';
import type { KnownDevice } from '../rollout/fleet-book.js';
import type { Arrived, Contacts, Trouble } from './contacts.js';

export interface ContactDoorOptions extends OperatorDoorOptions {
  readonly contacts: Contacts;
  readonly knownOf: (device: DeviceId) => KnownDevice | undefined;
  /** Of the registry. */
  readonly stateOf: (device: DeviceId) => 'unknown' | 'adopted' | 'retired';
  /** Whether it has a connection to this gateway. */
  readonly isConnected: (device: DeviceId) => boolean;
  readonly listening: () => {
    readonly host: string;
    readonly port: number;
    readonly tls: boolean;
    readonly own: boolean;
  };
}

/** `GET /api/v1/devices/<site>/<device>/contact` */
export interface ContactView {
  readonly state: 'unknown' | 'adopted' | 'retired';
  readonly connected: boolean;
  /** Its newest birth; null before the first. */
  readonly birth: {
    readonly session: string;
    readonly version: string;
    readonly bornUs: number;
    /** By how much its clock was ahead when it said so. */
    readonly clockAheadUs: number;
  } | null;
  readonly lastSeenUs: number | null;
  /** Packs that this gateway took since it started. */
  readonly arrived: Arrived | null;
  /** Connections that said this name, and failed. */
  readonly trouble: readonly Trouble[];
  /** Connections that failed before they said a name. */
  readonly strangers: readonly Trouble[];
  /** Where devices connect to; `own` is false for a broker elsewhere, of whose connections nothing is known. */
  readonly listening: { readonly host: string; readonly port: number; readonly tls: boolean; readonly own: boolean };
  readonly nowUs: number;
}

const maxStrangers = 20;

/** Tells what was heard of a device last, and which connections failed. Takes the operator's token. */
export class ContactDoor extends DeviceDoor {
  readonly maxBodyBytes = 0;

  constructor(private readonly options: ContactDoorOptions) {
    super(options, 'contact');
  }

  protected replyOf({ method, device }: DeviceRequest): Promise<DoorAnswer> {
    if (method !== 'GET') throw new DoorFault(405, 'only GET');
    return Promise.resolve({ status: 200, body: this.view(device) });
  }

  private view(device: DeviceId): ContactView {
    const { contacts, knownOf, stateOf, isConnected, listening, clock } = this.options;
    const known = knownOf(device);
    return {
      state: stateOf(device),
      connected: isConnected(device),
      birth: known ? birthOf(known) : null,
      lastSeenUs: known?.lastSeenUs ?? null,
      arrived: contacts.arrivedOf(device) ?? null,
      trouble: contacts.troubleOf(device),
      strangers: contacts.strangers().slice(0, maxStrangers),
      listening: listening(),
      nowUs: clock.nowUs(),
    };
  }
}

function birthOf({ session, version, bornUs, saidUs }: KnownDevice): ContactView['birth'] {
  return { session, version, bornUs, clockAheadUs: saidUs - bornUs };
}
