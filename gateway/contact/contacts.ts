import { deviceKey, type DeviceId } from '#core/contract/names.js';
import type { Clock } from '#core/runtime/clock.js';
import type { RefusalReason } from '../broker/refusals.js';
import { explainTls } from './explain-tls.js';

/** Something that went wrong with a connection; the same again is counted. */
export interface Trouble {
  readonly what: RefusalReason | 'silent';
  readonly address: string;
  /** For a person. */
  readonly detail: string;
  readonly firstUs: number;
  readonly lastUs: number;
  readonly times: number;
}

/** Packs that were stored since this gateway started. */
export interface Arrived {
  readonly firstUs: number;
  readonly lastUs: number;
  readonly packs: number;
}

export interface ContactsOptions {
  readonly clock: Clock;
  /** Of names and addresses each; what was heard of longest ago is forgotten first. */
  readonly maxKept?: number;
}

/** What a connection tells when it closes. */
export interface WatchedConnection {
  readonly address: string;
  readonly claim: object | undefined;
  readonly refusal: RefusalReason | undefined;
  once(event: 'close', listener: () => void): unknown;
}

const maxOfOne = 8;

/** The last connections that failed, by the name that was said or by address, in bounded memory: for whoever waits for a device. */
export class Contacts {
  private readonly named = new Map<string, Trouble[]>();
  private readonly nameless = new Map<string, Trouble[]>();
  private readonly arrived = new Map<string, { firstUs: number; lastUs: number; packs: number }>();

  constructor(private readonly options: ContactsOptions) {}

  /** A refusal; `who` says what is known of the other side. */
  readonly refused = (reason: RefusalReason, detail: string, who: { address?: unknown; userName?: unknown }): void => {
    const address = typeof who.address === 'string' ? who.address : 'unknown';
    const said = reason === 'tls' ? explainTls(detail) : detail;
    const name = typeof who.userName === 'string' && who.userName !== '' ? who.userName : undefined;
    this.note(name, { what: reason, address, detail: said });
  };

  /** Notes a connection that says nothing to its end: so goes whoever does not like the certificate that it was shown. */
  watch(connection: WatchedConnection): void {
    connection.once('close', () => {
      const { claim, refusal, address } = connection;
      if (claim !== undefined || refusal !== undefined) return;
      const detail =
        'it connected and hung up without a word; over TLS: it does not trust our certificate (its CA, the name, or its clock)';
      this.note(undefined, { what: 'silent', address, detail });
    });
  }

  /** A pack of a device was taken. */
  took(device: DeviceId): void {
    const key = deviceKey(device);
    const nowUs = this.options.clock.nowUs();
    const known = this.arrived.get(key);
    if (!known) return keep(this.arrived, key, { firstUs: nowUs, lastUs: nowUs, packs: 1 }, this.maxKept);
    known.lastUs = nowUs;
    known.packs += 1;
  }

  arrivedOf(device: DeviceId): Arrived | undefined {
    return this.arrived.get(deviceKey(device));
  }

  /** The newest first. */
  troubleOf(device: DeviceId): readonly Trouble[] {
    return [...(this.named.get(deviceKey(device)) ?? [])].sort((a, b) => b.lastUs - a.lastUs);
  }

  /** Of connections that said no name, one of each address and kind, the newest first. */
  strangers(): readonly Trouble[] {
    return [...this.nameless.values()].flat().sort((a, b) => b.lastUs - a.lastUs);
  }

  private get maxKept(): number {
    return this.options.maxKept ?? 1000;
  }

  private note(
    name: string | undefined,
    { what, address, detail }: Pick<Trouble, 'what' | 'address' | 'detail'>,
  ): void {
    const [shelf, key] = name === undefined ? [this.nameless, address] : [this.named, name.slice(0, 130)];
    const nowUs = this.options.clock.nowUs();
    const said = detail.slice(0, 300);
    const others = shelf.get(key) ?? [];
    const same = others.find((one) => one.what === what && one.address === address && one.detail === said);
    const { firstUs = nowUs, times = 0 } = same ?? {};
    const trouble = { what, address, detail: said, firstUs, lastUs: nowUs, times: times + 1 };
    const rest = others.filter((one) => one !== same).slice(1 - maxOfOne);
    keep(shelf, key, [...rest, trouble], this.maxKept);
  }
}

function keep<T>(map: Map<string, T>, key: string, value: T, max: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > max) map.delete(map.keys().next().value!);
}
