import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { ScryptHash } from '#core/contract/credentials.js';
import { hashLike } from './token-hash.js';

export interface TokenVerifierOptions {
  /** Tokens found to be right that are remembered; the one not used for longest is forgotten first. */
  readonly maxRemembered?: number;
  /** Hashes computed at once; the rest of the machine is for those who are let in already. */
  readonly maxAtOnce?: number;
  /** Checks that wait for their turn. */
  readonly maxWaiting?: number;
}

/** `busy`: too many wait already, try again. */
export type Verdict = 'right' | 'wrong' | 'busy';

/**
 * Compares tokens with their hashes. A token that was right is remembered, not as itself but as an HMAC under a key that
 * only this process has: devices that come back together after an outage cost microseconds each.
 */
export class TokenVerifier {
  private readonly key = randomBytes(32);
  private readonly remembered = new Map<string, true>();
  /** By what would be remembered: two who ask the same share one answer. */
  private readonly checking = new Map<string, Promise<boolean>>();
  private readonly waiting: (() => void)[] = [];
  private running = 0;

  constructor(private readonly options: TokenVerifierOptions = {}) {}

  /** Answers at once if it remembers, otherwise by a promise. Never rejects. */
  verify(token: string, scrypt: ScryptHash): Verdict | Promise<Verdict> {
    const name = this.nameOf(token, scrypt);
    if (this.remembered.delete(name)) {
      this.remembered.set(name, true);
      return 'right';
    }
    const known = this.checking.get(name);
    if (!known && this.waiting.length >= (this.options.maxWaiting ?? 10_000)) return 'busy';
    const check = known ?? this.check(name, token, scrypt);
    return check.then((right) => (right ? 'right' : 'wrong'));
  }

  private check(name: string, token: string, scrypt: ScryptHash): Promise<boolean> {
    const check = this.compare(token, scrypt).then((right) => {
      this.checking.delete(name);
      if (right) this.remember(name);
      return right;
    });
    this.checking.set(name, check);
    return check;
  }

  private async compare(token: string, scrypt: ScryptHash): Promise<boolean> {
    await this.turn();
    try {
      const [expected, given] = [Buffer.from(scrypt.hash, 'base64url'), await hashLike(token, scrypt)];
      return expected.byteLength === given.byteLength && timingSafeEqual(expected, given);
    } catch {
      return false;
    } finally {
      // The turn is handed on, or given back.
      const next = this.waiting.shift();
      if (next) next();
      else this.running -= 1;
    }
  }

  private async turn(): Promise<void> {
    if (this.running < (this.options.maxAtOnce ?? 2)) this.running += 1;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  private remember(name: string): void {
    this.remembered.set(name, true);
    const { maxRemembered = 50_000 } = this.options;
    if (this.remembered.size > maxRemembered) this.remembered.delete(this.remembered.keys().next().value!);
  }

  /** The hash is part of it: a token is right for one record alone. */
  private nameOf(token: string, { salt, hash }: ScryptHash): string {
    return createHmac('sha256', this.key).update(`${salt}.${hash}.${token}`).digest('base64');
  }
}
