import { createPrivateKey, X509Certificate } from 'node:crypto';
import { enrolmentTokenId } from '#core/contract/enrolment.js';
import { deviceKey } from '#core/contract/names.js';
import { messageOf } from '#core/runtime/errors.js';
import type { CardIdentity } from '../../edge/image/flash/card-manifest.js';
import type { InstallIdentity } from '../../edge/install/install-files.js';
import { certificateOwner } from '../../gateway/identity/certificate-owner.js';
import { principalKey } from '../../gateway/broker/principal.js';
import { UsageError } from '../fail.js';
import type { DeviceInput } from './device-input.js';
import type { FileReader } from './file-reader.js';
import type { IdentityIssuer } from './issuers.js';
import type { SecretReader } from './secrets.js';

/** What a card carries, and what may be told of it. */
export interface Identified {
  readonly identity: InstallIdentity | undefined;
  readonly record: CardIdentity;
}

/** The identity of one device. It is made late, for one that is made and not used lies about. */
export interface IdentityPlan {
  readonly kind: InstallIdentity['kind'] | undefined;
  make(): Promise<Identified>;
}

export interface IdentitySources {
  readonly files: FileReader;
  readonly secrets: SecretReader;
  /** Makes one for each device; undefined: each brings its own. */
  readonly issuer: IdentityIssuer | undefined;
  readonly nowMs: number;
}

/** Reads and checks what is given. Throws UsageError for what cannot be the identity of this device. */
export async function identityPlan(input: DeviceInput, sources: IdentitySources): Promise<IdentityPlan> {
  const { issuer, secrets } = sources;
  if (issuer) return { kind: issuer.kind, make: async () => identified(await issuer.issue(input)) };
  if (input.cert !== undefined) return ready(await certificateOf(input, input.cert, input.key!, sources));
  const isSaid = input['token-file'] !== undefined;
  const enrolment = isSaid ? undefined : await secrets.read('enrol-token-file', input['enrol-token-file']);
  if (enrolment !== undefined) return ready(enrolmentOf(enrolment));
  const token = await secrets.read('token-file', input['token-file']);
  if (token !== undefined) return ready(tokenOf(token));
  return { kind: undefined, make: () => Promise.resolve({ identity: undefined, record: { kind: 'none' } }) };
}

function ready(identity: InstallIdentity): IdentityPlan {
  return { kind: identity.kind, make: () => Promise.resolve(identified(identity)) };
}

function identified(identity: InstallIdentity): Identified {
  return { identity, record: recordOf(identity) };
}

function recordOf(identity: InstallIdentity): CardIdentity {
  switch (identity.kind) {
    case 'token':
      return { kind: 'token' };
    case 'enrolment':
      return { kind: 'enrolment', tokenId: enrolmentTokenId(identity.token)! };
    case 'certificate': {
      const { fingerprint256, validTo } = new X509Certificate(identity.cert);
      return { kind: 'certificate', fingerprint256, validTo: new Date(validTo).toISOString() };
    }
  }
}

function enrolmentOf(token: string): InstallIdentity {
  if (enrolmentTokenId(token) !== undefined) return { kind: 'enrolment', token };
  throw new UsageError(
    '--enrol-token-file holds no enrolment token, which begins with fle_: see fieldline device enrol',
  );
}

function tokenOf(token: string): InstallIdentity {
  if (enrolmentTokenId(token) !== undefined)
    throw new UsageError('--token-file holds an enrolment token: name it with --enrol-token-file');
  if (/^[\x21-\x7e]{16,200}$/.test(token)) return { kind: 'token', token };
  throw new UsageError('--token-file holds no token of a device: see fieldline device token');
}

async function certificateOf(
  input: DeviceInput,
  certFile: string,
  keyFile: string,
  { files, nowMs }: IdentitySources,
): Promise<InstallIdentity> {
  const [cert, key] = [await files.text('cert', certFile), await files.text('key', keyFile)];
  const certificate = parsed(certFile, () => new X509Certificate(cert));
  const privateKey = parsed(keyFile, () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey)) throw new UsageError(`${keyFile} is not the key of ${certFile}`);
  if (Date.parse(certificate.validTo) <= nowMs) throw new UsageError(`${certFile} ended ${certificate.validTo}`);
  const owner = certificateOwner(certificate);
  if (typeof owner === 'string') throw new UsageError(`${certFile}: ${owner}`);
  const name = principalKey(owner.principal);
  if (name !== deviceKey(input)) throw new UsageError(`${certFile} is for ${name}, not for ${deviceKey(input)}`);
  return { kind: 'certificate', cert, key };
}

function parsed<T>(file: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw new UsageError(`${file} cannot be read: ${messageOf(cause)}`, { cause });
  }
}
