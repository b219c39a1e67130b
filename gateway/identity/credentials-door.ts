import { randomBytes, X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { parseJson } from '#core/contract/alert.js';
import {
  credentialKey,
  isCredentialId,
  isTokenId,
  tokenOf,
  wholeId,
  type Credential,
} from '#core/contract/credentials.js';
import { logTopics } from '#core/contract/log-topics.js';
import type { EventLog } from '#core/log/log.js';
import type { DoorAnswer } from '#core/runtime/http-door.js';
import { principalKey, principalOf } from '../broker/principal.js';
import { DoorFault, OperatorDoor, type OperatorDoorOptions, type OperatorRequest } from '../operator-door.js';
import { certificateOwner } from './certificate-owner.js';
import type { CredentialBook } from './credential-book.js';
import { hashToken } from './token-hash.js';

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
      const expires = type === 'certificate' ? { expiresUs: credential.expiresUs } : {};
      return { id, type, usable: createdUs > revokedUs, createdUs, ...expires, ...(label !== undefined && { label }) };
    });
    return { owner, credentials, derivedToken: owner.includes('/') && !book.knows(owner) };
  }

  private issue(request: OperatorRequest, owner: string, label: string | undefined): Promise<DoorAnswer> {
    const id = randomBytes(6).toString('hex');
    const target = `${owner} ${id}`;
    return this.act(request, { what: 'credential-made', target, detail: 'a token' }, async () => {
      this.checkRoom(owner);
      const token = tokenOf(id, randomBytes(32));
      const scrypt = await hashToken(token);
      await this.append(owner, id, { type: 'token', scrypt, createdUs: this.afterAll(owner), ...(label && { label }) });
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
      await this.append(owner, id, { type: 'revoked', revokedUs: this.afterAll(owner) });
      return { status: 200, body: { owner, id, revoked: true } };
    });
  }

  private checkRoom(owner: string): void {
    const { book } = this.options;
    const live = book
      .list(owner)
      .filter(([, credential]) => credential !== 'unreadable' && credential.type !== 'revoked');
    if (live.length >= maxLive) throw new DoorFault(409, `${owner} has ${live.length} credentials: revoke some first`);
  }

  /** Now, or if this clock is behind that of whoever wrote before, just after that. */
  private afterAll(owner: string): number {
    const stamps = this.options.book.list(owner).map(([, credential]) => {
      if (credential === 'unreadable') return 0;
      return credential.type === 'revoked' ? credential.revokedUs : credential.createdUs;
    });
    return Math.max(this.options.clock.nowUs(), ...stamps.map((us) => us + 1));
  }

  private async append(owner: string, id: string, credential: Credential): Promise<void> {
    const value = Buffer.from(JSON.stringify(credential));
    await this.options.log.append(logTopics.deviceEvents.name, [{ key: credentialKey(owner, id), value }]);
  }
}

function readCertificate(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw new DoorFault(400, 'not a certificate in PEM');
  }
}
