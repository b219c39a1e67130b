import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { deviceKey, type DeviceId } from '#core/contract/names.js';
import { messageOf } from '#core/runtime/errors.js';
import type { InstallIdentity } from '../../edge/install/install-files.js';
import { signCertificate } from '../../gateway/identity/authority/certificates.js';
import { newKeyPem } from '../../gateway/identity/authority/encoding.js';
import { UsageError } from '../fail.js';
import { askOperator, type OperatorApi } from '../operator.js';
import type { FileReader } from './file-reader.js';

/** Makes an identity for each device of a run. */
export interface IdentityIssuer {
  readonly kind: InstallIdentity['kind'];
  issue(device: DeviceId): Promise<InstallIdentity>;
}

export interface SigningOptions {
  /** `<certificate>,<key>` of an authority, as `--sign-with` says it. */
  readonly files: string;
  readonly days: number;
  readonly nowMs: number;
}

/** Makes key and certificate of each device here and now. Throws UsageError if the authority cannot be used. */
export async function certificateIssuer(options: SigningOptions, files: FileReader): Promise<IdentityIssuer> {
  const { days, nowMs } = options;
  const [certFile, keyFile, rest] = options.files.split(',');
  if (!certFile || !keyFile || rest !== undefined) {
    throw new UsageError(
      '--sign-with takes two files: the certificate of the authority and its key, as ca.pem,ca-key.pem',
    );
  }
  const certificatePem = await files.text('sign-with', certFile);
  const keyPem = await files.text('sign-with', keyFile);
  checkAuthority(certFile, certificatePem, keyFile, keyPem);
  return {
    kind: 'certificate',
    async issue(device) {
      const key = newKeyPem();
      const request = { name: deviceKey(device), publicKey: createPublicKey(createPrivateKey(key)) };
      return {
        kind: 'certificate',
        key,
        cert: await signCertificate({ keyPem, certificatePem }, request, { nowMs, days }),
      };
    },
  };
}

/**
 * Asks a gateway for an enrolment token of each device, which takes the place of those that were not used up; unknown devices
 * are adopted by that.
 */
export function enrolmentIssuer(api: OperatorApi): IdentityIssuer {
  const body = Buffer.from(JSON.stringify({ label: 'fieldline flash' }));
  return {
    kind: 'enrolment',
    async issue({ site, device }) {
      const path = `/api/v1/devices/${site}/${device}/enrolment`;
      const { token } = await askOperator<{ token: string }>(api, 'POST', path, body);
      return { kind: 'enrolment', token };
    },
  };
}

function checkAuthority(certFile: string, cert: string, keyFile: string, key: string): void {
  let isPair: boolean;
  try {
    isPair = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch (cause) {
    throw new UsageError(`--sign-with: ${certFile} and ${keyFile} are no authority: ${messageOf(cause)}`, { cause });
  }
  if (!isPair) throw new UsageError(`--sign-with: ${keyFile} is not the key of ${certFile}`);
}
