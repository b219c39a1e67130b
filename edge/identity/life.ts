import { X509Certificate } from 'node:crypto';

/** When a certificate should be renewed, and when it ends; milliseconds since the Unix epoch. */
export interface CertificateLife {
  readonly renewMs: number;
  readonly endsMs: number;
}

/** Devices that were enrolled together do not come back together. */
const spread = 1 / 12;

/** After two thirds of its life, and up to a twelfth of it later: how much, follows from the certificate itself. */
export function lifeOf(pem: string): CertificateLife {
  const { validFrom, validTo, fingerprint256 } = new X509Certificate(pem);
  const [fromMs, endsMs] = [Date.parse(validFrom), Date.parse(validTo)];
  const share = parseInt(fingerprint256.replaceAll(':', '').slice(0, 8), 16) / 2 ** 32;
  return { renewMs: fromMs + (endsMs - fromMs) * (2 / 3 + share * spread), endsMs };
}

/** Whether it was made for this device: `<site>/<device>` is its common name, or one of its other names. */
export function isFor(pem: string, name: string): boolean {
  const { subject, subjectAltName = '' } = new X509Certificate(pem);
  const names = subjectAltName.split(', ').map((entry) => entry.replace(/^(URI|DNS):/, ''));
  return names.includes(name) || (subject ?? '').split('\n').includes(`CN=${name}`);
}
