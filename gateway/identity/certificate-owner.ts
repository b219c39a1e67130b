import type { X509Certificate } from 'node:crypto';
import { principalKey, principalOf, type Principal } from '../broker/principal.js';
import type { Proof } from './proof.js';

/** Whom a certificate names, and the certificate as a proof of it. */
export interface CertificateOwner {
  readonly principal: Principal;
  readonly proof: Extract<Proof, { by: 'certificate' }>;
}

const clientAuthentication = '1.3.6.1.5.5.7.3.2';

/**
 * Whom a client's certificate names: `<site>/<device>` or the name of a client, as a URI or DNS name of the subject's
 * alternative names, or as its only common name. All that are in that form must be the same. Returns why it names nobody,
 * in words. Who signed it is not looked at.
 */
export function certificateOwner(certificate: X509Certificate): CertificateOwner | string {
  if (certificate.ca) return 'the certificate is that of an authority';
  if (certificate.keyUsage && !certificate.keyUsage.includes(clientAuthentication)) {
    return 'the certificate is not for clients';
  }
  const alternatives = alternativeNames(certificate);
  if (typeof alternatives === 'string') return alternatives;
  const principals = [...alternatives, ...commonName(certificate)].flatMap((name) => principalOf(name) ?? []);
  const [principal] = principals;
  if (!principal) return 'the certificate names no device: <site>/<device> must be its common or alternative name';
  if (principals.some((other) => principalKey(other) !== principalKey(principal))) {
    return 'the certificate names more than one device';
  }
  return { principal, proof: proofOf(certificate) };
}

export function proofOf(certificate: X509Certificate): CertificateOwner['proof'] {
  return {
    by: 'certificate',
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    issuedUs: Date.parse(certificate.validFrom) * 1000,
    expiresUs: Date.parse(certificate.validTo) * 1000,
  };
}

/** Of several, which Node tells as an array, none is the one that is meant. */
function commonName(certificate: X509Certificate): string[] {
  const { CN } = certificate.toLegacyObject().subject as { CN?: unknown };
  return typeof CN === 'string' ? [CN] : [];
}

function alternativeNames({ subjectAltName }: X509Certificate): string[] | string {
  if (subjectAltName === undefined) return [];
  // Node quotes a name with a comma, quote or control character in it: none of ours has one, and what looks like the
  // beginning of another name inside of the quotes must not be taken for one.
  if (subjectAltName.includes('"')) return 'the certificate has an alternative name with a comma or worse in it';
  return subjectAltName.split(', ').flatMap((entry) => /^(?:URI|DNS):(.*)$/s.exec(entry)?.[1] ?? []);
}
