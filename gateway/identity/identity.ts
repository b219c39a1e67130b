import type { Logger } from '#core/runtime/logger.js';
import type { AuthMode } from '../broker/device-tokens.js';
import { Acl, type WrittenSource } from './acl.js';
import type { AclConfig } from './acl-config.js';
import { Authenticator } from './authenticator.js';
import { CredentialBook } from './credential-book.js';
import { TokenVerifier } from './token-verifier.js';

export interface IdentityOptions {
  readonly auth: AuthMode;
  /** Of the derived tokens. */
  readonly secret: Uint8Array;
  readonly acl?: AclConfig;
  /** Whether a connection may name nobody. */
  readonly anonymous?: boolean;
  readonly sources?: readonly WrittenSource[];
  /** Whether enrolment tokens are taken. */
  readonly enrols?: boolean;
  readonly logger: Logger;
}

/** Who may speak, and what of. */
export interface Identity {
  readonly mode: AuthMode;
  readonly anonymous: boolean;
  readonly book: CredentialBook;
  readonly authenticator: Authenticator;
  readonly acl: Acl;
}

export function createIdentity(options: IdentityOptions): Identity {
  const { auth: mode, secret, acl: rules = [], anonymous = false, sources = [], enrols, logger } = options;
  const book = new CredentialBook(logger);
  const authenticator = new Authenticator({ mode, secret, book, verifier: new TokenVerifier(), enrols });
  return { mode, anonymous, book, authenticator, acl: new Acl({ rules, sources, mode }) };
}
