import { z } from 'zod';
import { parseJson } from '#core/contract/alert.js';
import { credentialKey, isTokenId, type EnrolmentCredential } from '#core/contract/credentials.js';
import { enrolmentTokenOf } from '#core/contract/enrolment.js';
import { logTopics } from '#core/contract/log-topics.js';
import { deviceKey, type DeviceId } from '#core/contract/names.js';
import type { EventLog, LogRecord } from '#core/log/log.js';
import type { DoorAnswer } from '#core/runtime/http-door.js';
import type { CredentialBook } from '../identity/credential-book.js';
import { credentialRecord, newToken } from '../identity/issue-token.js';
import { DeviceDoor, type DeviceRequest } from '../device-door.js';
import { DoorFault, type OperatorDoorOptions, type OperatorRequest } from '../operator-door.js';
import type { EnrolmentConfig } from './enrolment-config.js';
import { isOpen, stateOf } from './enrolment-state.js';

export interface EnrolmentDoorOptions extends OperatorDoorOptions {
  /** Without it no token is made here. */
  readonly config?: EnrolmentConfig | undefined;
  readonly log: EventLog;
  readonly book: CredentialBook;
  readonly isRetired: (device: DeviceId) => boolean;
  /** Whoever makes a token for a device knows it: it is let in where unknown ones are not. */
  readonly adopt: (device: DeviceId) => Promise<void>;
}

const yearMs = 365 * 86_400_000;
const newSchema = z.strictObject({
  /** How long the token may be used. Default: `gateway.enrolment.tokenMs`. */
  expiresMs: z.int().min(60_000).max(yearMs).optional(),
  label: z.string().max(200).optional(),
});

/**
 * `/api/v1/devices/<site>/<device>/enrolment`, with the operator's token. `POST` makes an enrolment token, which is told this
 * once and takes the place of those that were not used up: 201 {owner, id, token, expiresUs}. `GET` lists them with their
 * state; `DELETE` revokes all that were not used up, with `/<id>` behind it this one.
 */
export class EnrolmentDoor extends DeviceDoor {
  readonly maxBodyBytes = 4096;

  constructor(private readonly options: EnrolmentDoorOptions) {
    super(options, 'enrolment', { hasIds: true });
  }

  protected async replyOf(request: DeviceRequest): Promise<DoorAnswer> {
    const { device, id } = request;
    const owner = deviceKey(device);
    if (id !== undefined && !isTokenId(id)) throw new DoorFault(404, 'no such token can be');
    if (request.method === 'DELETE') return this.revoke(request, owner, id);
    if (id !== undefined) throw new DoorFault(405, 'only DELETE');
    if (request.method === 'GET') return { status: 200, body: { owner, tokens: this.describe(owner) } };
    if (request.method !== 'POST') throw new DoorFault(405, 'only GET, POST and DELETE');
    return this.make(request, device);
  }

  private async make(request: OperatorRequest, device: DeviceId): Promise<DoorAnswer> {
    const { config, isRetired, adopt, log, book } = this.options;
    const { body } = request;
    if (!config) throw new DoorFault(409, 'this gateway signs no certificates: set gateway.enrolment');
    const { expiresMs = config.tokenMs, label } = body.byteLength === 0 ? {} : parseJson(body, newSchema, 'enrolment');
    const owner = deviceKey(device);
    const { id, token, scrypt } = await newToken(enrolmentTokenOf);
    const note = { what: 'credential-made', target: `${owner} ${id}`, detail: 'an enrolment token' } as const;
    return this.act(request, note, async () => {
      if (isRetired(device)) throw new DoorFault(409, `${owner} is retired: fieldline device adopt ${owner} ends that`);
      const createdUs = book.afterAll(owner, this.nowUs());
      const expiresUs = createdUs + expiresMs * 1000;
      const made = { type: 'enrolment', scrypt, createdUs, expiresUs, ...(label && { label }) } as const;
      await adopt(device);
      const before = [...this.revocations(owner, this.open(owner)), ...this.removals(owner)];
      await log.append(logTopics.deviceEvents.name, [...before, credentialRecord(owner, id, made)]);
      return { status: 201, body: { owner, id, token, expiresUs } };
    });
  }

  private revoke(request: OperatorRequest, owner: string, id: string | undefined): Promise<DoorAnswer> {
    const target = id === undefined ? owner : `${owner} ${id}`;
    return this.act(request, { what: 'credential-revoked', target, detail: 'enrolment' }, async () => {
      const open = this.open(owner).filter(([one]) => id === undefined || one === id);
      if (id !== undefined && open.length === 0)
        throw new DoorFault(404, `${owner} has no such token that is not used up`);
      if (open.length > 0) await this.options.log.append(logTopics.deviceEvents.name, this.revocations(owner, open));
      return { status: 200, body: { owner, revoked: open.map(([one]) => one) } };
    });
  }

  private describe(owner: string): object[] {
    const { book } = this.options;
    const revokedUs = book.revokedUs(owner);
    return book.enrolments(owner).map(([id, enrolment]) => {
      const { createdUs, expiresUs, label, bound, usedUs } = enrolment;
      return {
        id,
        state: stateOf(enrolment, this.nowUs(), revokedUs),
        ...{ createdUs, expiresUs },
        ...(label !== undefined && { label }),
        ...(bound && { boundUs: bound.us, fingerprint: bound.fingerprint, certificateExpiresUs: bound.expiresUs }),
        ...(usedUs !== undefined && { usedUs }),
      };
    });
  }

  /** Those that may still be used, or whose certificate may. */
  private open(owner: string): (readonly [id: string, enrolment: EnrolmentCredential])[] {
    return this.options.book
      .enrolments(owner)
      .filter(([, one]) => isOpen(one, this.nowUs()) || (one.bound && one.usedUs === undefined && !one.revokedUs));
  }

  private revocations(owner: string, open: ReturnType<EnrolmentDoor['open']>): LogRecord[] {
    const revokedUs = this.options.book.afterAll(owner, this.nowUs());
    return open.map(([id, enrolment]) => credentialRecord(owner, id, { ...enrolment, revokedUs }));
  }

  /** Tokens that say nothing any more: a certificate of them is known by a record of its own, or has expired, or never was. */
  private removals(owner: string): LogRecord[] {
    const { book } = this.options;
    const known = new Set(book.list(owner).map(([id]) => id));
    const idle = book.enrolments(owner).filter(([, enrolment]) => {
      const { bound, usedUs } = enrolment;
      if (isOpen(enrolment, this.nowUs())) return false;
      if (!bound) return true;
      return bound.expiresUs < this.nowUs() || (usedUs !== undefined && known.has(bound.fingerprint));
    });
    return idle.map(([id]) => ({ key: credentialKey(owner, id), value: new Uint8Array() }));
  }

  private nowUs(): number {
    return this.options.clock.nowUs();
  }
}
