import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { FatalError, messageOf } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';
import { proofOf } from '../identity/certificate-owner.js';
import type { EnrolmentConfig } from './enrolment-config.js';

/** A certificate that was just made. */
export interface Signed {
  /** The certificate, then those between it and the root. */
  readonly pem: string;
  readonly fingerprint: string;
  readonly serial: string;
  readonly expiresUs: number;
}

interface Loaded {
  readonly keyPem: string;
  readonly certificatePem: string;
  /** Sent along with each certificate. */
  readonly between: string;
}

/** So long before now begins what is signed: the clocks of several gateways differ. */
const backdateMs = 5 * 60_000;
const dayMs = 86_400_000;

/** Makes certificates with the authority of the configuration. */
export class Signer {
  private loaded: Loaded | undefined;

  constructor(
    private readonly config: Pick<EnrolmentConfig, 'caCert' | 'caKey' | 'validDays'>,
    private readonly logger: Logger,
  ) {}

  /** Reads the files. Throws FatalError `bad-config` for such as cannot sign. */
  async load(nowMs: number): Promise<void> {
    const { caCert, caKey } = this.config;
    try {
      this.loaded = await readAuthority(caCert, caKey);
    } catch (cause) {
      const what = `gateway.enrolment cannot sign with ${caCert} and ${caKey}: ${messageOf(cause)}`;
      throw new FatalError('bad-config', what, { cause });
    }
    const { mode } = await stat(caKey);
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      throw new FatalError('bad-config', `The key ${caKey} is open to other users: run chmod 600 ${caKey}`);
    }
    const endsMs = Date.parse(new X509Certificate(this.loaded.certificatePem).validTo);
    const ends = new Date(endsMs).toISOString();
    this.logger.info({ caCert, ends }, 'enrolment is open');
    // What it signs ends with it at the latest.
    if (endsMs < nowMs + this.config.validDays * dayMs) {
      this.logger.warn(
        { caCert, ends },
        'the authority of gateway.enrolment ends before what it signs should: make another',
      );
    }
  }

  /** Throws an Error for an authority that has expired, or not begun: this machine may not know the time. */
  async sign(name: string, publicKey: KeyObject, nowMs: number): Promise<Signed> {
    const { keyPem, certificatePem, between } = this.loaded!;
    const { validFrom } = new X509Certificate(certificatePem);
    if (nowMs < Date.parse(validFrom)) throw new Error('by the clock of the gateway its authority has not begun');
    // Nothing else in the gateway needs what signs.
    const { signCertificate } = await import('../identity/authority/certificates.js');
    const days = this.config.validDays;
    const pem = await signCertificate({ keyPem, certificatePem }, { name, publicKey }, { nowMs, days, backdateMs });
    const certificate = new X509Certificate(pem);
    const { fingerprint, expiresUs } = proofOf(certificate);
    return { pem: pem + between, fingerprint, serial: certificate.serialNumber, expiresUs };
  }
}

async function readAuthority(caCert: string, caKey: string): Promise<Loaded> {
  const [certificates, keyPem] = [await readFile(caCert, 'utf8'), await readFile(caKey, 'utf8')];
  const [certificatePem, ...others] =
    certificates.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (certificatePem === undefined) throw new Error('there is no certificate in PEM');
  const authority = new X509Certificate(certificatePem);
  if (!authority.ca) throw new Error('the first certificate is not that of an authority');
  if (!authority.checkPrivateKey(createPrivateKey(keyPem))) throw new Error('the key is not that of the certificate');
  const { readKey } = await import('../identity/authority/encoding.js');
  await readKey(keyPem);
  // Whoever believes the root has it.
  const chain = [certificatePem, ...others].filter((pem) => !isRoot(new X509Certificate(pem)));
  return { keyPem, certificatePem, between: chain.map((pem) => `${pem}\n`).join('') };
}

function isRoot(certificate: X509Certificate): boolean {
  return certificate.checkIssued(certificate);
}
