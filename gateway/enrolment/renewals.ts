import type { CertificateCredential } from '#core/contract/credentials.js';
import { logTopics } from '#core/contract/log-topics.js';
import type { EventLog, LogRecord } from '#core/log/log.js';
import type { Clock } from '#core/runtime/clock.js';
import type { AuditSink } from '../audit/audit.js';
import { FailureLimiter } from '../broker/failure-limiter.js';
import type { CredentialBook } from '../identity/credential-book.js';
import { credentialRecord } from '../identity/issue-token.js';
import type { Proof } from '../identity/proof.js';
import type { KeyToSign } from './read-request.js';
import type { Signed } from './signer.js';

export interface RenewalsOptions {
  readonly log: EventLog;
  readonly book: CredentialBook;
  readonly audit: AuditSink;
  readonly clock: Clock;
  readonly sign: (owner: string, key: KeyToSign) => Promise<Signed>;
}

type Pending = CertificateCredential & { readonly renewal: NonNullable<CertificateCredential['renewal']> };

/** New certificates of one device: so many at once, and then one an hour. */
const limits = { burst: 4, forgiveMs: 3_600_000, delayMs: 1, maxAddresses: 100_000 };

/** Certificates that take the place of one that still works. The old one is revoked when the new one has spoken. */
export class Renewals {
  private readonly made: FailureLimiter;

  constructor(private readonly options: RenewalsOptions) {
    this.made = new FailureLimiter(limits, () => options.clock.monotonicMs());
  }

  /** The PEM of the certificate for the key; asked again, the same. Undefined if there were too many of late. */
  async renew(
    owner: string,
    { fingerprint: replaces }: Extract<Proof, { by: 'certificate' }>,
    key: KeyToSign,
    address: string,
  ): Promise<string | undefined> {
    const { book, audit, clock, sign } = this.options;
    const known = this.pending(owner).find(([, { renewal }]) => renewal.spki === key.spki);
    if (known) return known[1].renewal.pem;
    if (this.made.fail(owner) > 0) return undefined;
    const { pem, serial, expiresUs, fingerprint } = await sign(owner, key);
    const createdUs = book.afterAll(owner, clock.nowUs());
    const renewal = { replaces, spki: key.spki, pem };
    const label = labelOf(book, owner, replaces);
    const made = { type: 'certificate', serial, expiresUs, createdUs, renewal, ...label } as const;
    await this.append(credentialRecord(owner, fingerprint, made));
    const detail = `renewed until ${new Date(expiresUs / 1000).toISOString()}`;
    audit.note({ who: owner, what: 'enrol', target: `${owner} ${fingerprint}`, outcome: 'done', address, detail });
    return pem;
  }

  /** Whether the certificate was a new one, whose first data this is. */
  async spoken(owner: string, fingerprint: string): Promise<boolean> {
    const { book, audit, clock } = this.options;
    const pending = this.pending(owner);
    const own = pending.find(([id]) => id === fingerprint)?.[1];
    if (!own) return false;
    const { renewal, ...kept } = own;
    // Whatever else was made in the place of the old one has no holder that knows of it.
    const others = pending.filter(([id, other]) => id !== fingerprint && other.renewal.replaces === renewal.replaces);
    const gone = [renewal.replaces, ...others.map(([id]) => id)];
    const revokedUs = book.afterAll(owner, clock.nowUs());
    await this.append(...gone.map((id) => credentialRecord(owner, id, { type: 'revoked', revokedUs })));
    await this.append(credentialRecord(owner, fingerprint, kept));
    const detail = 'a renewed certificate took its place';
    for (const id of gone) {
      audit.note({ who: owner, what: 'credential-revoked', target: `${owner} ${id}`, outcome: 'done', detail });
    }
    return true;
  }

  private pending(owner: string): [id: string, pending: Pending][] {
    return this.options.book.list(owner).flatMap(([id, known]) => {
      if (known === 'unreadable' || known.type !== 'certificate' || !known.renewal) return [];
      return [[id, { ...known, renewal: known.renewal }]];
    });
  }

  private append(...records: readonly LogRecord[]): Promise<void> {
    return this.options.log.append(logTopics.deviceEvents.name, records);
  }
}

function labelOf(book: CredentialBook, owner: string, id: string): { label?: string } {
  const known = book.list(owner).find(([one]) => one === id)?.[1];
  if (known === undefined || known === 'unreadable' || known.type !== 'certificate') return {};
  return known.label === undefined ? {} : { label: known.label };
}
