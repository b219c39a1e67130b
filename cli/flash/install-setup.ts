import type { CardIdentity } from '../../edge/image/flash/card-manifest.js';
import type { InstallIdentity, InstallSetup } from '../../edge/install/install-files.js';
import type { Identified, IdentityPlan } from './identity.js';
import type { PreparedDevice } from './prepare.js';
import type { ChosenRelease } from './release-choice.js';

/** What the installer of one device is made of. */
export function installOf(
  { edgeYaml, ca }: PreparedDevice,
  { release, parts, publicKey }: ChosenRelease,
  identity: InstallIdentity | undefined,
): InstallSetup {
  return {
    ...{ release, parts, edgeYaml, releaseKey: publicKey },
    ...(ca !== undefined && { ca }),
    ...(identity && { identity }),
  };
}

/** Stands for an identity where none is to be made: of the right kind and size, and good for nothing. */
export function planned({ kind }: IdentityPlan): Identified {
  return { identity: placeholder(kind), record: recordOf(kind) };
}

function placeholder(kind: InstallIdentity['kind'] | undefined): InstallIdentity | undefined {
  if (kind === undefined) return undefined;
  if (kind === 'certificate') return { kind, cert: 'none', key: 'none' };
  return { kind, token: 'none' };
}

function recordOf(kind: InstallIdentity['kind'] | undefined): CardIdentity {
  switch (kind) {
    case undefined:
      return { kind: 'none' };
    case 'token':
      return { kind };
    case 'enrolment':
      return { kind, tokenId: 'not made yet' };
    case 'certificate':
      return { kind, fingerprint256: 'not made yet', validTo: 'not made yet' };
  }
}
