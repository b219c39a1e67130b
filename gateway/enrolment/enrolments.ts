import { Counter, type Registry } from 'prom-client';
import { ContractError } from '#core/contract/contract-error.js';
import { wholeId, type EnrolmentCredential } from '#core/contract/credentials.js';
import type { EnrolmentAnswer } from '#core/contract/enrolment.js';
import { logTopics } from '#core/contract/log-topics.js';
import { deviceKey, type DeviceId } from '#core/contract/names.js';
import type { EventLog, LogRecord } from '#core/log/log.js';
import type { Clock } from '#core/runtime/clock.js';
import { messageOf, RetryableError } from '#core/runtime/errors.js';
import type { Part } from '#core/runtime/lifecycle.js';
import type { Logger } from '#core/runtime/logger.js';
import { Mutex } from '#core/runtime/mutex.js';
import type { AuditSink } from '../audit/audit.js';
import { LoginAudit } from '../audit/login-audit.js';
import { FailureLimiter } from '../broker/failure-limiter.js';
import type { CredentialBook } from '../identity/credential-book.js';
import { credentialRecord } from '../identity/issue-token.js';
import type { Proof } from '../identity/proof.js';
import type { EnrolmentConfig } from './enrolment-config.js';
import { stateOf } from './enrolment-state.js';
import { ReadBack } from './read-back.js';
import { readEnrolmentRequest, type KeyToSign } from './read-request.js';
import { Renewals } from './renewals.js';
import { Signer } from './signer.js';

export interface EnrolmentsOptions {
  /** Without it nothing is signed here. */
  readonly config?: EnrolmentConfig | undefined;
  readonly log: EventLog;
  readonly book: CredentialBook;
  readonly audit: AuditSink;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
}

/** A request for a certificate, between its arrival and its answer. */
export interface EnrolmentAsk {
  readonly device: DeviceId;
  readonly proof: Proof;
  readonly address: string;
  readonly payload: Uint8Array;
  /** Resolves when the answer has left, or the connection has ended. */
  readonly tell: (answer: EnrolmentAnswer) => Promise<void>;
}

type Refused = Extract<EnrolmentAnswer, { type: 'refused' }>;

/** Requests with one token or certificate: so many at once, and then one a minute. The others are not looked at. */
const requestLimits = { burst: 20, forgiveMs: 60_000, delayMs: 1, maxAddresses: 100_000 };
/** Refusals to one address: the first are answered at once. */
const refusalLimits = { burst: 10, forgiveMs: 6000, delayMs: 3000, maxAddresses: 10_000 };

/**
 * Gives certificates to devices that show an enrolment token or renew one, and makes worthless what they had before, once
 * the new one has spoken. Which key has a token, and whether it was used, is what the log says.
 */
export class Enrolments implements Part {
  private readonly signer: Signer | undefined;
  private readonly readBack: ReadBack;
  private readonly renewals: Renewals;
  private readonly refusals: LoginAudit;
  private readonly failures: FailureLimiter;
  private readonly requests: FailureLimiter;
  private readonly counter: Counter<'outcome'>;
  /** One request of a device at a time. */
  private readonly turns = new Map<string, Mutex>();

  constructor(private readonly options: EnrolmentsOptions) {
    const { config, logger, audit, clock, registry } = options;
    const monotonicMs = () => clock.monotonicMs();
    this.signer = config && new Signer(config, logger);
    this.readBack = new ReadBack(options);
    this.renewals = new Renewals({ ...options, sign: (...request) => this.sign(...request) });
    this.refusals = new LoginAudit({ audit, monotonicMs, what: 'enrol' });
    this.failures = new FailureLimiter(refusalLimits, monotonicMs);
    this.requests = new FailureLimiter(requestLimits, monotonicMs);
    this.counter = new Counter({
      name: 'fieldline_gateway_enrolments_total',
      help: 'Certificates: enrolled, repeated, renewed, refused, failed; spoken: those that took the place of what was before',
      labelNames: ['outcome'],
      registers: [registry],
    });
  }

  /** Throws FatalError `bad-config` for an authority that cannot sign. */
  async start(): Promise<void> {
    await this.signer?.load(this.options.clock.nowUs() / 1000);
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }

  /** A record of `device-events`, which the book has learned already. */
  saw(record: Pick<LogRecord, 'key' | 'value'>): void {
    this.readBack.saw(record);
  }

  /** Resolves when the request is answered. Never rejects. */
  async answer(ask: EnrolmentAsk): Promise<void> {
    const owner = deviceKey(ask.device);
    if (this.requests.fail(`${owner} ${shownBy(ask.proof)}`) > 0)
      return ask.tell(refused('too many requests for a certificate', true));
    const turn = this.turns.get(owner) ?? new Mutex();
    this.turns.set(owner, turn);
    const answer = await turn.run(() => this.judge(owner, ask));
    if (answer.type === 'refused') await this.noteRefusal(owner, ask, answer);
    await ask.tell(answer);
  }

  /** Data of a device was acknowledged on a connection that showed this. */
  async spoken(device: DeviceId, proof: Proof): Promise<void> {
    if (proof.by !== 'certificate') return;
    const owner = deviceKey(device);
    try {
      const { book } = this.options;
      const found = book.enrolments(owner).find(([, { bound }]) => bound?.fingerprint === proof.fingerprint);
      if (found) await this.promote(owner, ...found);
      else if (await this.renewals.spoken(owner, proof.fingerprint)) this.counter.inc({ outcome: 'spoken' });
    } catch (error) {
      // The next connection that it begins tries again.
      this.options.logger.error(
        { device: owner, error: messageOf(error) },
        'what a device had before is not revoked yet',
      );
    }
  }

  private async judge(owner: string, { proof, payload, address }: EnrolmentAsk): Promise<EnrolmentAnswer> {
    try {
      if (!this.signer) return refused('this gateway signs no certificates', true);
      const key = await readEnrolmentRequest(payload);
      if (proof.by === 'enrolment') return await this.enrol(owner, proof.id, key, address);
      if (proof.by !== 'certificate')
        return refused('this takes an enrolment token, or the certificate to renew', false);
      const pem = await this.renewals.renew(owner, proof, key, address);
      if (pem === undefined) return refused('too many certificates were renewed', true);
      this.counter.inc({ outcome: 'renewed' });
      return { type: 'enrolled', spki: key.spki, certificate: pem };
    } catch (error) {
      if (error instanceof ContractError) return refused(error.message, false);
      this.options.logger.error({ device: owner, error: messageOf(error) }, 'a certificate was not made');
      this.counter.inc({ outcome: 'failed' });
      return refused(error instanceof RetryableError ? error.message : 'the gateway cannot sign now', true);
    }
  }

  private async enrol(owner: string, id: string, key: KeyToSign, address: string): Promise<EnrolmentAnswer> {
    const { book, clock, logger, audit } = this.options;
    const enrolment = book.enrolment(owner, id);
    const fault = enrolment ? faultOf(enrolment, clock.nowUs(), book.revokedUs(owner)) : 'the token is not known';
    if (fault !== undefined) return refused(`${fault}: fieldline device enrol ${owner} makes a new one`, false);
    const isBound = enrolment!.bound !== undefined;
    const held = isBound ? enrolment! : await this.bind(owner, id, enrolment!, key);
    // Another gateway, or an operator, may have been first.
    if (held.revokedUs !== undefined) return refused('the token was revoked', false);
    if (held.bound?.spki !== key.spki) {
      logger.error(
        { device: owner, token: id, address },
        'ANOTHER KEY SHOWS AN ENROLMENT TOKEN: somebody has a copy of its card',
      );
      return refused('the token belongs to another key: the card was copied, or its key is lost', false);
    }
    this.counter.inc({ outcome: isBound ? 'repeated' : 'enrolled' });
    const detail = `a certificate until ${isoOf(held.bound.expiresUs)}${isBound ? ', again' : ''}`;
    audit.note({ who: owner, what: 'enrol', target: `${owner} ${id}`, outcome: 'done', address, detail });
    return { type: 'enrolled', spki: key.spki, certificate: held.bound.pem };
  }

  /** Signs, and says in the log whose the token is; resolves with what the log says. */
  private async bind(
    owner: string,
    id: string,
    enrolment: EnrolmentCredential,
    key: KeyToSign,
  ): Promise<EnrolmentCredential> {
    const { book, clock } = this.options;
    const us = book.afterAll(owner, clock.nowUs());
    const signed = await this.sign(owner, key);
    return this.readBack.write(owner, id, { ...enrolment, bound: { us, spki: key.spki, ...signed } });
  }

  private sign(owner: string, { publicKey }: KeyToSign) {
    return this.signer!.sign(owner, publicKey, this.options.clock.nowUs() / 1000);
  }

  /** The first data of a new certificate: the token is used up, and what was made before the certificate is revoked. */
  private async promote(owner: string, id: string, enrolment: EnrolmentCredential): Promise<void> {
    const { bound, usedUs, revokedUs, label } = enrolment;
    if (!bound || usedUs !== undefined || revokedUs !== undefined) return;
    const { log, audit, book, clock } = this.options;
    const { fingerprint, serial, expiresUs, us: createdUs } = bound;
    const known = credentialRecord(owner, fingerprint, {
      type: 'certificate',
      ...{ serial, expiresUs, createdUs },
      ...(label !== undefined && { label }),
    });
    const untilUs = bound.us - 1;
    const isOlder = book.revokedUs(owner) < untilUs;
    const before = credentialRecord(owner, wholeId, { type: 'revoked', revokedUs: untilUs });
    // The token is dead last: whatever fails before is done again.
    await log.append(logTopics.deviceEvents.name, [known, ...(isOlder ? [before] : [])]);
    await this.readBack.write(owner, id, { ...enrolment, usedUs: clock.nowUs() });
    this.counter.inc({ outcome: 'spoken' });
    const said = { who: owner, outcome: 'done', detail: 'the new certificate has spoken' } as const;
    audit.note({ ...said, what: 'enrol', target: `${owner} ${id}` });
    if (isOlder) audit.note({ ...said, what: 'credential-revoked', target: owner });
  }

  private async noteRefusal(owner: string, { address }: EnrolmentAsk, { reason, mayRetry }: Refused): Promise<void> {
    const { clock, logger } = this.options;
    this.counter.inc({ outcome: 'refused' });
    logger.warn({ device: owner, address, reason }, 'no certificate was given');
    if (mayRetry) return;
    this.refusals.refused(owner, address, reason);
    const delayMs = this.failures.fail(address);
    if (delayMs > 0) await clock.sleep(delayMs);
  }
}

function refused(reason: string, mayRetry: boolean): Refused {
  return { type: 'refused', reason: reason.slice(0, 500), mayRetry };
}

/** Why the token is good no more, in words. */
function faultOf(enrolment: EnrolmentCredential, nowUs: number, revokedUs: number): string | undefined {
  switch (stateOf(enrolment, nowUs, revokedUs)) {
    case 'revoked':
      return 'the token was revoked';
    case 'used':
      return 'the token was used already';
    case 'expired':
      return `the token expired at ${isoOf(enrolment.expiresUs)}`;
    case 'waiting':
    case 'bound':
      return undefined;
  }
}

/** Whoever has a copy of a token does not use up what another may ask. */
function shownBy(proof: Proof): string {
  if (proof.by === 'certificate') return proof.fingerprint;
  return proof.by === 'enrolment' ? proof.id : proof.by;
}

function isoOf(us: number): string {
  return new Date(us / 1000).toISOString();
}
