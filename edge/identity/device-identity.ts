import { deviceKey, type DeviceId } from '#core/contract/names.js';
import type { Clock } from '#core/runtime/clock.js';
import { messageOf, RetryableError } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';
import type { ClientCertificate } from '../client-certificate.js';
import { askForCertificate, CertificateRefused, type AskingSession } from './ask.js';
import type { IdentityFiles } from './identity-files.js';
import { isFor, lifeOf } from './life.js';

/** A connection that shows an enrolment token. */
export interface EnrolmentConnection extends AskingSession {
  /** Aborts with the connection. */
  readonly signal: AbortSignal;
  end(): Promise<void>;
}

export interface DeviceIdentityOptions {
  readonly device: DeviceId;
  readonly files: IdentityFiles;
  /** Connects with the token in place of a password. Throws RetryableError. */
  readonly connect: (token: string, signal: AbortSignal) => Promise<EnrolmentConnection>;
  readonly clock: Clock;
  /** Whether the clock shows the time: otherwise nothing is renewed by it. */
  readonly isTimeKnown: () => boolean;
  readonly logger: Logger;
  /** Whether a certificate is renewed before it ends. */
  readonly renews: boolean;
  /** Whether the device may speak without a certificate: it has a password. */
  readonly hasPassword: boolean;
  readonly answerMs?: number;
  readonly schedule?: RenewalSchedule;
}

export interface RenewalSchedule {
  /** The longest sleep: the clock may be set meanwhile. */
  readonly lookMs: number;
  /** After a refusal, and after anything else that went wrong. */
  readonly refusedMs: number;
  readonly failedMs: number;
}

const defaultSchedule: RenewalSchedule = { lookMs: 3_600_000, refusedMs: 21_600_000, failedMs: 600_000 };
const defaultAnswerMs = 30_000;
/** A new pair that could not connect so often, while the one before can, is given up. */
const maxFailures = 3;
/** A token that was refused for good is shown again after this: the gateway may have been told. */
const refusedTokenMs = 3_600_000;

/**
 * What a device shows to be let in: it gets its certificate by a token on its first contact, and renews it in time. What
 * works is kept until what takes its place has spoken.
 */
export class DeviceIdentity {
  /** What the connection shows that was begun last. */
  private shown: 'current' | 'next' | undefined;
  /** Of two pairs, which is shown next. */
  private turn: 'current' | 'next' = 'next';
  /** How often the new pair was refused where the old one was not. */
  private failures = 0;
  private usedToken: string | undefined;
  private refused: { readonly token: string; readonly error: CertificateRefused; readonly untilMs: number } | undefined;
  private hint = '';

  constructor(private readonly options: DeviceIdentityOptions) {}

  /**
   * Asked before each connection. Enrols first, if there is a token for it. Undefined: the password will do. Throws
   * RetryableError, `unauthorised` where somebody has to do something.
   */
  async show(signal: AbortSignal): Promise<ClientCertificate | undefined> {
    const { files, hasPassword } = this.options;
    this.shown = undefined;
    const current = await this.ownCurrent();
    const fault = await this.enrolIfAsked(signal, current !== undefined);
    const next = await files.next();
    // A new one that cannot connect takes turns with the one that could.
    if (next && (!current || this.turn === 'next')) return this.use('next', next, fault);
    if (current) return this.use('current', current);
    if (hasPassword) return undefined;
    throw fault ?? new RetryableError('unauthorised', `there is no certificate: ${this.nextStep()}`);
  }

  /** The connection that was begun last ended before anything was acknowledged; returns the reason with what may be done. */
  failed(reason: string): string {
    // Where neither can connect, it is not for want of the right one.
    this.failures = this.shown === 'next' ? this.failures + 1 : 0;
    this.turn = this.shown === 'next' ? 'current' : 'next';
    return this.hint === '' ? reason : `${reason}; ${this.hint}`;
  }

  /** The gateway has acknowledged what was sent on the connection. Never rejects. */
  async spoken(): Promise<void> {
    const { files, logger } = this.options;
    try {
      if (this.shown === 'next') {
        await files.commit(this.usedToken);
        logger.info({}, 'identity: the new certificate is in use');
        this.shown = 'current';
      } else if (this.shown === 'current' && this.failures >= maxFailures) {
        logger.warn({ failures: this.failures }, 'identity: the new certificate is given up, the old one works');
        await files.dropNext();
      } else return;
      this.reset(undefined);
    } catch (error) {
      logger.error({ error: messageOf(error) }, 'identity: not all of it could be put in place, and will be later');
    }
  }

  /** Renews the certificate when it is time, on a connection that stands; resolves with true if another one should be begun. */
  async renew(session: AskingSession, signal: AbortSignal): Promise<boolean> {
    const { clock, schedule = defaultSchedule, renews } = this.options;
    if (!renews) return false;
    while (!signal.aborted) {
      const waitMs = await this.waitMs(schedule);
      if (waitMs > 0) {
        await clock.sleep(waitMs, signal);
        continue;
      }
      const done = await this.tryRenewal(session, signal);
      if (done === true) return !signal.aborted;
      await clock.sleep(schedule[done], signal);
    }
    return false;
  }

  private async ownCurrent(): Promise<ClientCertificate | undefined> {
    const current = await this.options.files.current();
    const name = deviceKey(this.options.device);
    this.hint = '';
    if (!current) return undefined;
    if (!isFor(current.cert, name)) {
      this.hint = `the certificate is not that of ${name}: ${this.nextStep()}`;
      return (await this.options.files.token()) === undefined ? current : undefined;
    }
    const { endsMs } = lifeOf(current.cert);
    if (this.options.isTimeKnown() && endsMs < this.nowMs()) {
      this.hint = `the certificate expired at ${new Date(endsMs).toISOString()}: ${this.nextStep()}`;
    }
    return current;
  }

  private use(which: 'current' | 'next', pair: ClientCertificate, fault?: unknown): ClientCertificate {
    this.shown = which;
    if (which === 'next') this.hint = fault instanceof CertificateRefused ? fault.message : '';
    return pair;
  }

  /** Resolves with why there is still no certificate, if a token was to give one. */
  private async enrolIfAsked(signal: AbortSignal, hasCurrent: boolean): Promise<unknown> {
    const { files, clock, logger } = this.options;
    const token = await files.token();
    // One that was given and is refused ever since may have been revoked, and the token be another.
    const isGood = hasCurrent || this.failures < maxFailures;
    if (token === undefined || (isGood && (await files.next()))) return undefined;
    if (this.refused?.token === token && clock.monotonicMs() < this.refused.untilMs) return this.refused.error;
    try {
      await this.enrol(token, signal);
      return undefined;
    } catch (error) {
      if (!(error instanceof CertificateRefused)) return error;
      logger.error({ reason: error.message }, 'identity: the gateway gives no certificate for the token');
      if (error.isFinal) await this.giveUp(token, error);
      return error;
    }
  }

  private async enrol(token: string, signal: AbortSignal): Promise<void> {
    const { files, connect, device, clock, logger, answerMs = defaultAnswerMs } = this.options;
    const key = await files.nextKey();
    const connection = await connect(token, signal);
    try {
      const over = AbortSignal.any([signal, connection.signal]);
      const cert = await askForCertificate(connection, { device, key, clock, timeoutMs: answerMs, signal: over });
      await files.keepNext(cert);
      this.reset(token);
      logger.info(
        { ends: new Date(lifeOf(cert).endsMs).toISOString() },
        'identity: the gateway has given a certificate',
      );
    } finally {
      await connection.end();
    }
  }

  /** A token that gives nothing is no use to a device that can speak without it. */
  private async giveUp(token: string, error: CertificateRefused): Promise<void> {
    const { files, clock } = this.options;
    this.refused = { token, error, untilMs: clock.monotonicMs() + refusedTokenMs };
    if (await files.current()) await files.dropToken(token);
  }

  /** How long nothing needs to be done; 0: now. */
  private async waitMs({ lookMs }: RenewalSchedule): Promise<number> {
    const { files, isTimeKnown } = this.options;
    if (this.shown !== 'current' || !isTimeKnown()) return lookMs;
    // One that waits for its turn is tried on the next connection.
    if (await files.next()) return 0;
    const current = await files.current();
    return current ? Math.min(lookMs, lifeOf(current.cert).renewMs - this.nowMs()) : lookMs;
  }

  private async tryRenewal(session: AskingSession, signal: AbortSignal): Promise<true | 'refusedMs' | 'failedMs'> {
    const { files, device, clock, logger, answerMs = defaultAnswerMs } = this.options;
    try {
      if (await files.next()) return this.takeTurn();
      const key = await files.nextKey();
      await files.keepNext(await askForCertificate(session, { device, key, clock, timeoutMs: answerMs, signal }));
      logger.info({}, 'identity: the certificate is renewed, and tried on a new connection');
      return true;
    } catch (error) {
      if (!signal.aborted) logger.warn({ reason: messageOf(error) }, 'identity: the certificate is not renewed yet');
      return error instanceof CertificateRefused ? 'refusedMs' : 'failedMs';
    }
  }

  /** A new pair waits that could not connect: it may try again after a while. */
  private takeTurn(): true | 'failedMs' {
    if (this.turn === 'next') return true;
    this.turn = 'next';
    return 'failedMs';
  }

  private reset(usedToken: string | undefined): void {
    this.failures = 0;
    this.turn = 'next';
    this.usedToken = usedToken;
  }

  private nextStep(): string {
    return `make an enrolment token (fieldline device enrol ${deviceKey(this.options.device)}) for edge.gateway.enrolTokenFile`;
  }

  private nowMs(): number {
    return this.options.clock.nowUs() / 1000;
  }
}
