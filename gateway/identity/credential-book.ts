import { parseJson } from '#core/contract/alert.js';
import {
  credentialSchema,
  parseCredentialKey,
  wholeId,
  type Credential,
  type TokenCredential,
} from '#core/contract/credentials.js';
import type { LogRecord } from '#core/log/log.js';
import { messageOf } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';
import type { Proof } from './proof.js';

/** The newest record of each credential of one owner; `unreadable` for one that this version cannot read. */
type Held = Map<string, Credential | 'unreadable'>;

/**
 * What each device and client may show to speak, as it stands in the log. What is true follows from the newest record of
 * each key alone, whatever the order in which they come: keys of one owner are in several partitions.
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
    else held.set(id, this.read(key, value));
    if (held.size === 0) this.owners.delete(owner);
    else this.owners.set(owner, held);
    for (const listener of this.listeners) listener(owner);
  }

  /** Calls back with the owner whose credentials changed: `<site>/<device>`, or the name of a client. */
  onChange(listener: (owner: string) => void): void {
    this.listeners.add(listener);
  }

  /** Whether there is any record of it; if so, the derived token is good no longer. */
  knows(owner: string): boolean {
    return this.owners.has(owner);
  }

  /** The token, if it may be shown. */
  token(owner: string, id: string): TokenCredential | undefined {
    const found = this.owners.get(owner)?.get(id);
    if (found === undefined || found === 'unreadable' || found.type !== 'token') return undefined;
    return found.createdUs > this.revokedUs(owner) ? found : undefined;
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
      case 'certificate':
        return proof.issuedUs > this.revokedUs(owner) && !this.isRevoked(owner, proof.fingerprint);
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

  /** All that is known of an owner, by id. */
  list(owner: string): readonly (readonly [id: string, credential: Credential | 'unreadable'])[] {
    return [...(this.owners.get(owner) ?? [])];
  }

  private isRevoked(owner: string, fingerprint: string): boolean {
    const found = this.owners.get(owner)?.get(fingerprint);
    return found !== undefined && (found === 'unreadable' || found.type !== 'certificate');
  }

  private read(key: string, value: Uint8Array): Credential | 'unreadable' {
    try {
      return parseJson(value, credentialSchema, 'credential');
    } catch (error) {
      this.logger.warn({ key, error: messageOf(error) }, 'a credential cannot be read, and is not believed');
      return 'unreadable';
    }
  }
}
