import { parseJson } from '#core/contract/alert.js';
import {
  credentialSchema,
  parseCredentialKey,
  wholeId,
  type Credential,
  type EnrolmentCredential,
  type TokenCredential,
} from '#core/contract/credentials.js';
import type { LogRecord } from '#core/log/log.js';
import { messageOf } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';
import type { Proof } from './proof.js';

type Known = Credential | 'unreadable';
/** The newest record of each credential of one owner; `unreadable` for one that this version cannot read. */
type Held = Map<string, Known>;

/**
 * What each device and client may show to speak, as it stands in the log. What is true follows from the newest record of
 * each key alone, whatever the order in which they come: keys of one owner are in several partitions. Of an enrolment
 * token, what was said first stays (see `enrolmentSchema` in core/contract/credentials.ts): records of one key have an order.
 */
export class CredentialBook {
  private readonly owners = new Map<string, Held>();
  private readonly listeners = new Set<(owner: string) => void>();

  constructor(private readonly logger: Logger) {}

  /** Takes a record of `device-events`; leaves alone what is no credential. */
  learn({ key, value }: Pick<LogRecord, 'key' | 'value'>): void {
    const parsed = parseCredentialKey(key);
    if (!parsed) return;
    const { owner, id } = parsed;
    const held: Held = this.owners.get(owner) ?? new Map();
    if (value.byteLength === 0) held.delete(id);
    else held.set(id, merged(held.get(id), this.read(key, value)));
    if (held.size === 0) this.owners.delete(owner);
    else this.owners.set(owner, held);
    for (const listener of this.listeners) listener(owner);
  }

  /** Calls back with the owner whose credentials changed: `<site>/<device>`, or the name of a client. */
  onChange(listener: (owner: string) => void): void {
    this.listeners.add(listener);
  }

  /**
   * Whether there is any record of it; if so, the derived token is good no longer. An enrolment token alone changes nothing
   * for the device: that is for its certificate to do, once it has spoken.
   */
  knows(owner: string): boolean {
    for (const credential of this.owners.get(owner)?.values() ?? []) {
      if (credential === 'unreadable' || credential.type !== 'enrolment') return true;
    }
    return false;
  }

  /** The token, if it may be shown. */
  token(owner: string, id: string): TokenCredential | undefined {
    const found = this.get(owner, id);
    if (found?.type !== 'token') return undefined;
    return found.createdUs > this.revokedUs(owner) ? found : undefined;
  }

  /** An enrolment token in whichever state, so that whoever shows it can be told. */
  enrolment(owner: string, id: string): EnrolmentCredential | undefined {
    const found = this.get(owner, id);
    return found?.type === 'enrolment' ? found : undefined;
  }

  /** Every enrolment token of an owner. */
  enrolments(owner: string): (readonly [id: string, enrolment: EnrolmentCredential])[] {
    return this.list(owner).flatMap(([id, found]) =>
      found !== 'unreadable' && found.type === 'enrolment' ? [[id, found] as const] : [],
    );
  }

  /** Whether what was shown is still good. That it was right when it was shown is the caller's to know. */
  allows(owner: string, proof: Proof): boolean {
    switch (proof.by) {
      case 'word':
        return this.revokedUs(owner) === -Infinity;
      case 'derived-token':
        return !this.knows(owner);
      case 'token':
        return this.token(owner, proof.id) !== undefined;
      case 'enrolment':
        return this.enrolment(owner, proof.id) !== undefined;
      case 'certificate':
        return this.madeUs(owner, proof) > this.revokedUs(owner) && !this.isRevoked(owner, proof.fingerprint);
    }
  }

  /** Whether a connection that was let in may go on: a derived token is not cut off by a new one, only refused later. */
  allowsOn(owner: string, proof: Proof): boolean {
    return proof.by === 'derived-token' ? this.revokedUs(owner) === -Infinity : this.allows(owner, proof);
  }

  /** Until when everything is revoked; -Infinity: nothing is. */
  revokedUs(owner: string): number {
    const whole = this.owners.get(owner)?.get(wholeId);
    if (whole === undefined) return -Infinity;
    // What cannot be read may have been meant to revoke all.
    return whole !== 'unreadable' && whole.type === 'revoked' ? whole.revokedUs : Infinity;
  }

  /** When the last of the certificates ends that the log knows and that were not revoked; undefined if there is none. */
  certificateEndsUs(owner: string): number | undefined {
    const revokedUs = this.revokedUs(owner);
    const ends = this.list(owner).flatMap(([, found]) => {
      if (found === 'unreadable') return [];
      if (found.type === 'certificate') return found.createdUs > revokedUs ? [found.expiresUs] : [];
      const bound = found.type === 'enrolment' && found.revokedUs === undefined ? found.bound : undefined;
      return bound && bound.us > revokedUs ? [bound.expiresUs] : [];
    });
    return ends.length === 0 ? undefined : Math.max(...ends);
  }

  /** All that is known of an owner, by id. */
  list(owner: string): readonly (readonly [id: string, credential: Known])[] {
    return [...(this.owners.get(owner) ?? [])];
  }

  /** `nowUs`, or if that clock is behind those of whoever wrote before, just after what they wrote. */
  afterAll(owner: string, nowUs: number): number {
    const stamps = this.list(owner).flatMap(([, credential]) => {
      if (credential === 'unreadable') return [];
      if (credential.type === 'revoked') return [credential.revokedUs];
      if (credential.type !== 'enrolment') return [credential.createdUs];
      const { createdUs, bound, revokedUs } = credential;
      return [createdUs, bound?.us ?? createdUs, revokedUs ?? createdUs];
    });
    return Math.max(nowUs, ...stamps.map((us) => us + 1));
  }

  private get(owner: string, id: string): Credential | undefined {
    const found = this.owners.get(owner)?.get(id);
    return found === 'unreadable' ? undefined : found;
  }

  /**
   * A certificate tells whole seconds, and ours begin some time before they were made, for clocks that are behind: where
   * the log knows when it was made, that counts.
   */
  private madeUs(owner: string, { fingerprint, issuedUs }: Extract<Proof, { by: 'certificate' }>): number {
    const known = this.get(owner, fingerprint);
    const knownUs = known?.type === 'certificate' ? known.createdUs : -Infinity;
    return Math.max(issuedUs, knownUs, this.boundTo(owner, fingerprint)?.bound!.us ?? -Infinity);
  }

  /** The enrolment token that gave this certificate. */
  private boundTo(owner: string, fingerprint: string): EnrolmentCredential | undefined {
    return this.enrolments(owner).find(([, { bound }]) => bound?.fingerprint === fingerprint)?.[1];
  }

  private isRevoked(owner: string, fingerprint: string): boolean {
    const found = this.owners.get(owner)?.get(fingerprint);
    if (found !== undefined && (found === 'unreadable' || found.type !== 'certificate')) return true;
    // Whoever took back the token meant what it gave, too.
    return this.boundTo(owner, fingerprint)?.revokedUs !== undefined;
  }

  private read(key: string, value: Uint8Array): Known {
    try {
      return parseJson(value, credentialSchema, 'credential');
    } catch (error) {
      this.logger.warn({ key, error: messageOf(error) }, 'a credential cannot be read, and is not believed');
      return 'unreadable';
    }
  }
}

/** What is true after a further record of one key. */
function merged(before: Known | undefined, next: Known): Known {
  if (next === 'unreadable' || next.type !== 'enrolment' || before === undefined || before === 'unreadable')
    return next;
  // A token that was revoked as any other does not come back.
  if (before.type !== 'enrolment') return before;
  return { ...next, ...before };
}
