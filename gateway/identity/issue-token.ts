import { randomBytes } from 'node:crypto';
import { credentialKey, tokenOf, type Credential, type ScryptHash } from '#core/contract/credentials.js';
import { logTopics } from '#core/contract/log-topics.js';
import type { EventLog, LogRecord } from '#core/log/log.js';
import { hashToken } from './token-hash.js';

/** A token as it is told, once; of it only the hash is kept. */
export interface NewToken {
  readonly id: string;
  readonly token: string;
  readonly scrypt: ScryptHash;
}

/** A random one; `form` writes it, as an issued token or as one for enrolment. */
export async function newToken(form: (id: string, secret: Uint8Array) => string = tokenOf): Promise<NewToken> {
  const id = randomBytes(6).toString('hex');
  const token = form(id, randomBytes(32));
  return { id, token, scrypt: await hashToken(token) };
}

export interface IssueOptions {
  readonly log: EventLog;
  /** After the stamps of whatever its owner had before. */
  readonly createdUs: number;
  readonly label?: string | undefined;
  /** What must stand in the log along with it. */
  readonly first?: readonly LogRecord[];
}

/** Makes the token one of a device (`<site>/<device>`) or a client; resolves when the log has it. */
export async function issueToken(
  owner: string,
  { id, scrypt }: NewToken,
  { log, createdUs, label, first = [] }: IssueOptions,
): Promise<void> {
  const record = credentialRecord(owner, id, { type: 'token', scrypt, createdUs, ...(label && { label }) });
  await log.append(logTopics.deviceEvents.name, [...first, record]);
}

/** What stands in `device-events` for a credential. */
export function credentialRecord(owner: string, id: string, credential: Credential): LogRecord {
  return { key: credentialKey(owner, id), value: Buffer.from(JSON.stringify(credential)) };
}
