import { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { parseJson } from '#core/contract/alert.js';
import { isCredentialId, isTokenId, wholeId, type Credential } from '#core/contract/credentials.js';
import { logTopics } from '#core/contract/log-topics.js';
import type { EventLog } from '#core/log/log.js';
import type { DoorAnswer } from '#core/runtime/http-door.js';
import { principalKey, principalOf } from '../broker/principal.js';
import { DoorFault, OperatorDoor, type OperatorDoorOptions, type OperatorRequest } from '../operator-door.js';
import { certificateOwner } from './certificate-owner.js';
import { isOpen } from '../enrolment/enrolment-state.js';
import type { CredentialBook } from './credential-book.js';
import { credentialRecord, issueToken, newToken } from './issue-token.js';

export interface CredentialsDoorOptions extends OperatorDoorOptions {
  readonly log: EventLog;
  readonly book: CredentialBook;
}

/** Tokens and certificates of one owner that may be shown: enough for a change from one to the next. */
const maxLive = 16;
const newSchema = z.strictObject({
  label: z.string().max(200).optional(),
  /** PEM: makes a certificate known, instead of a new token. */
  certificate: z
    .string()
    .max(16 * 1024)
    .optional(),
});

/**
 * `/api/v1/devices/<site>/<device>/credentials` and `/api/v1/clients/<name>/credentials`, with the operator's token.
 * `GET` lists what may be shown, `POST` makes a token, which is told this once, or makes a certificate known; `DELETE`
 * revokes all that was made until now, with `/<id>` behind it this one alone.
 */
export class CredentialsDoor extends OperatorDoor {
  readonly maxBodyBytes = 32 * 1024;
  protected readonly pattern = /^\/api\/v1\/(?:devices\/([^/]+\/[^/]+)|clients\/([^/]+))\/credentials(?:\/([^/]+))?$/;

  constructor(private readonly options: CredentialsDoorOptions) {
    super(options);
  }

  protected async reply(request: OperatorRequest): Promise<DoorAnswer> {
    const [device, client, id] = request.groups;
    const principal = principalOf(device ?? client);
    if (principal?.kind !== (device === undefined ? 'client' : 'device'))
      throw new DoorFault(404, 'nobody can have this name');
    const owner = principalKey(principal);
    if (id !== undefined && !isCredentialId(id)) throw new DoorFault(404, 'no such credential can be');
    if (request.method === 'DELETE') return this.revoke(request, owner, id ?? wholeId);
    if (id !== undefined) throw new DoorFault(405, 'only DELETE');
    if (request.method === 'GET') return { status: 200, body: this.describe(owner) };
    if (request.method !== 'POST') throw new DoorFault(405, 'only GET, POST and DELETE');
    const { label, certificate } =
      request.body.byteLength === 0 ? {} : parseJson(request.body, newSchema, 'credential');
    if (certificate !== undefined) return this.acquaint(request, owner, certificate, label);
    return this.issue(request, owner, label);
  }

  private describe(owner: string): object {
    const { book } = this.options;
    const revokedUs = book.revokedUs(owner);
    const credentials = book.list(owner).map(([id, credential]) => {
      if (credential === 'unreadable') return { id, type: 'unreadable', usable: false };
      const { type } = credential;
      if (type === 'revoked') return { id, type, usable: false, revokedUs: credential.revokedUs };
      const { createdUs, label } = credential;
      const expires = type === 'token' ? {} : { expiresUs: credential.expiresUs };
      const usable = createdUs > revokedUs && (type !== 'enrolment' || isOpen(credential, this.options.clock.nowUs()));
      return { id, type, usable, createdUs, ...expires, ...(label !== undefined && { label }) };
    });
    return { owner, credentials, derivedToken: owner.includes('/') && !book.knows(owner) };
  }

  private async issue(request: OperatorRequest, owner: string, label: string | undefined): Promise<DoorAnswer> {
    const made = await newToken();
    const { id, token } = made;
    return this.act(request, { what: 'credential-made', target: `${owner} ${id}`, detail: 'a token' }, async () => {
      this.checkRoom(owner);
      await issueToken(owner, made, { log: this.options.log, createdUs: this.afterAll(owner), label });
      return { status: 201, body: { owner, id, token } };
    });
  }

  private acquaint(
    request: OperatorRequest,
    owner: string,
    pem: string,
    label: string | undefined,
  ): Promise<DoorAnswer> {
    const certificate = readCertificate(pem);
    const named = certificateOwner(certificate);
    if (typeof named === 'string') throw new DoorFault(400, named);
    if (principalKey(named.principal) !== owner) {
      throw new DoorFault(400, `the certificate is that of ${principalKey(named.principal)}`);
    }
    const { fingerprint: id, expiresUs } = named.proof;
    const { serialNumber: serial } = certificate;
    const target = `${owner} ${id}`;
    return this.act(request, { what: 'credential-made', target, detail: 'a certificate' }, async () => {
      this.checkRoom(owner);
      if (!this.options.book.allows(owner, named.proof)) throw new DoorFault(409, 'the certificate is revoked');
      const createdUs = this.afterAll(owner);
      await this.append(owner, id, { type: 'certificate', serial, expiresUs, createdUs, ...(label && { label }) });
      return { status: 201, body: { owner, id } };
    });
  }

  private revoke(request: OperatorRequest, owner: string, id: string): Promise<DoorAnswer> {
    const target = id === wholeId ? owner : `${owner} ${id}`;
    return this.act(request, { what: 'credential-revoked', target }, async () => {
      // A certificate may be good without a record of it; a token is not.
      const known = this.options.book.list(owner).some(([one]) => one === id);
      if (isTokenId(id) && !known) throw new DoorFault(404, `${owner} has no such token`);
      const revokedUs = this.afterAll(owner);
      const enrolment = this.options.book.enrolment(owner, id);
      await this.append(owner, id, enrolment ? { ...enrolment, revokedUs } : { type: 'revoked', revokedUs });
      return { status: 200, body: { owner, id, revoked: true } };
    });
  }

  private checkRoom(owner: string): void {
    const { book } = this.options;
    const live = book
      .list(owner)
      .filter(
        ([, credential]) =>
          credential !== 'unreadable' && (credential.type === 'token' || credential.type === 'certificate'),
      );
    if (live.length >= maxLive) throw new DoorFault(409, `${owner} has ${live.length} credentials: revoke some first`);
  }

  private afterAll(owner: string): number {
    return this.options.book.afterAll(owner, this.options.clock.nowUs());
  }

  private async append(owner: string, id: string, credential: Credential): Promise<void> {
    await this.options.log.append(logTopics.deviceEvents.name, [credentialRecord(owner, id, credential)]);
  }
}

function readCertificate(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw new DoorFault(400, 'not a certificate in PEM');
  }
}
