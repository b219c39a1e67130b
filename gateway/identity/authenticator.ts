import { tokenId } from '#core/contract/credentials.js';
import { enrolmentTokenId } from '#core/contract/enrolment.js';
import { isDeviceToken, type AuthMode } from '../broker/device-tokens.js';
import { principalKey, type Principal } from '../broker/principal.js';
import type { CertificateOwner } from './certificate-owner.js';
import type { CredentialBook } from './credential-book.js';
import type { Proof } from './proof.js';
import type { TokenVerifier } from './token-verifier.js';

/** What a connection shows for whom it names. */
export interface Showing {
  readonly principal: Principal;
  /** Verified up to an authority, and of this principal. */
  readonly certificate?: CertificateOwner['proof'] | undefined;
  readonly password?: Uint8Array | undefined;
}

/**
 * `unknown`: nobody has this name. `wrong`: what was shown is not right, or right for somebody else. `revoked`: it was
 * right once. `busy`: come again.
 */
export type Denial = 'unknown' | 'wrong' | 'revoked' | 'busy';

export interface AuthenticatorOptions {
  readonly mode: AuthMode;
  /** Of the derived tokens; see docs/decisions/002-device-tokens.md. */
  readonly secret: Uint8Array;
  readonly book: CredentialBook;
  readonly verifier: TokenVerifier;
  /** Whether enrolment tokens are taken. */
  readonly enrols?: boolean | undefined;
}

/** Decides whether a connection is who it says, by what it shows. Answers at once where nothing needs to be hashed. */
export class Authenticator {
  constructor(private readonly options: AuthenticatorOptions) {}

  judge(showing: Showing): Proof | Denial | Promise<Proof | Denial> {
    const { mode, book } = this.options;
    const owner = principalKey(showing.principal);
    if (mode === 'none') return this.ifAllowed(owner, { by: 'word' });
    if (showing.certificate) return this.ifAllowed(owner, showing.certificate);
    if (showing.principal.kind === 'client' && !book.knows(owner)) return 'unknown';
    const token = Buffer.from(showing.password ?? []).toString('latin1');
    const id = tokenId(token);
    if (id !== undefined) return this.issued(owner, id, token);
    const enrolmentId = enrolmentTokenId(token);
    if (enrolmentId !== undefined) return this.enrolling(owner, enrolmentId, token);
    if (showing.principal.kind === 'client') return 'wrong';
    if (!isDeviceToken(this.options.secret, showing.principal.device, showing.password)) return 'wrong';
    return this.ifAllowed(owner, { by: 'derived-token' });
  }

  private issued(owner: string, id: string, token: string): Proof | Denial | Promise<Proof | Denial> {
    const { book, verifier } = this.options;
    const credential = book.token(owner, id);
    // Nothing is hashed for a token that nobody issued. Its id is no secret.
    if (!credential) return book.list(owner).some(([known]) => known === id) ? 'revoked' : 'wrong';
    const verdict = verifier.verify(token, credential.scrypt);
    const answer = (found: Awaited<typeof verdict>): Proof | Denial =>
      // It may have been revoked meanwhile.
      found === 'right' ? this.ifAllowed(owner, { by: 'token', id }) : found;
    return typeof verdict === 'string' ? answer(verdict) : verdict.then(answer);
  }

  /** One that was used, has expired or was revoked is let in too: to be told so, if it is right. */
  private enrolling(owner: string, id: string, token: string): Proof | Denial | Promise<Proof | Denial> {
    const { book, verifier, enrols = false } = this.options;
    const credential = enrols ? book.enrolment(owner, id) : undefined;
    if (!credential) return 'wrong';
    const verdict = verifier.verify(token, credential.scrypt);
    const answer = (found: Awaited<typeof verdict>): Proof | Denial =>
      found === 'right' ? this.ifAllowed(owner, { by: 'enrolment', id }) : found;
    return typeof verdict === 'string' ? answer(verdict) : verdict.then(answer);
  }

  private ifAllowed(owner: string, proof: Proof): Proof | Denial {
    return this.options.book.allows(owner, proof) ? proof : 'revoked';
  }
}
