import { createHash, createPrivateKey, randomBytes, X509Certificate, type KeyObject } from 'node:crypto';
import { BitString, Integer, OctetString } from 'asn1js';
import {
  AuthorityKeyIdentifier,
  BasicConstraints,
  Certificate,
  ExtKeyUsage,
  Extension,
  GeneralNames,
  PublicKeyInfo,
  Time,
  type GeneralName,
} from 'pkijs';
import {
  engine,
  fromPem,
  hostName,
  newKeyPem,
  oid,
  readKey,
  setCommonName,
  signatureHash,
  toPem,
  uriName,
} from './encoding.js';

/** An authority of one's own: whoever has its key can make a certificate for any device. */
export interface Authority {
  readonly keyPem: string;
  readonly certificatePem: string;
}

export interface Validity {
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: number;
  readonly days: number;
  /** How long before now a device's certificate begins; only where the log knows when it was made. Default: not at all. */
  readonly backdateMs?: number;
}

/** The name of a device or client, or the hosts of a gateway; and the key that the certificate is for. */
export type CertificateRequest =
  | { readonly name: string; readonly publicKey: KeyObject }
  | { readonly hosts: readonly string[]; readonly publicKey: KeyObject };

const dayMs = 86_400_000;
/** So long ago begins what devices verify: some of their clocks are behind. */
const graceMs = 3_600_000;
/** Key usage, the bits from the left (RFC 5280, section 4.2.1.3). */
const usage = { digitalSignature: 0x80, signsCertificates: 0x06 } as const;

/** A new authority, with a key on P-256. Its certificate signs certificates of devices and gateways, and no authority. */
export async function createAuthority(name: string, { nowMs, days }: Validity): Promise<Authority> {
  const keyPem = newKeyPem();
  const { privateKey, publicKey } = await readKey(keyPem);
  const certificate = blank(nowMs - graceMs, nowMs + days * dayMs);
  setCommonName(certificate.subject, name);
  setCommonName(certificate.issuer, name);
  await certificate.subjectPublicKeyInfo.importKey(publicKey, engine);
  certificate.extensions = [
    extension(oid.basicConstraints, true, new BasicConstraints({ cA: true, pathLenConstraint: 0 })),
    keyUsage(usage.signsCertificates),
    keyIdentifier(certificate.subjectPublicKeyInfo),
  ];
  await certificate.sign(privateKey, signatureHash, engine);
  return { keyPem, certificatePem: pemOf(certificate) };
}

/**
 * A certificate that the authority signs. It ends with the authority's at the latest. Throws an Error for an authority
 * whose key and certificate do not belong together, or that has expired.
 */
export async function signCertificate(
  authority: Authority,
  request: CertificateRequest,
  { nowMs, days, backdateMs = 0 }: Validity,
): Promise<string> {
  const issuer = Certificate.fromBER(fromPem('CERTIFICATE', authority.certificatePem));
  const { privateKey } = await readKey(authority.keyPem);
  const endsMs = endOf(authority, nowMs);
  const isClient = 'name' in request;
  // A device's certificate begins now and not before: what was revoked until now must not cover it.
  const certificate = blank(nowMs - (isClient ? backdateMs : graceMs), Math.min(nowMs + days * dayMs, endsMs));
  certificate.issuer = issuer.subject;
  const key = PublicKeyInfo.fromBER(exact(request.publicKey.export({ format: 'der', type: 'spki' })));
  certificate.subjectPublicKeyInfo = key;
  setCommonName(certificate.subject, isClient ? request.name : request.hosts[0]!);
  const hasSubject = certificate.subject.typesAndValues.length > 0;
  const names = isClient ? [uriName(request.name)] : request.hosts.map(hostName);
  certificate.extensions = [
    extension(oid.basicConstraints, true, new BasicConstraints({ cA: false })),
    keyUsage(usage.digitalSignature),
    purpose(isClient ? oid.clientAuthentication : oid.serverAuthentication),
    alternativeNames(names, !hasSubject),
    keyIdentifier(key),
    authorityIdentifier(issuer.subjectPublicKeyInfo),
  ];
  await certificate.sign(privateKey, signatureHash, engine);
  return pemOf(certificate);
}

/** When the authority ends, in milliseconds since the Unix epoch. */
function endOf({ keyPem, certificatePem }: Authority, nowMs: number): number {
  const certificate = new X509Certificate(certificatePem);
  if (!certificate.ca) throw new Error('the certificate is not that of an authority');
  if (!certificate.checkPrivateKey(createPrivateKey(keyPem))) throw new Error('the key is not that of the certificate');
  const endsMs = Date.parse(certificate.validTo);
  if (endsMs <= nowMs) throw new Error(`the authority expired at ${certificate.validTo}`);
  return endsMs;
}

function blank(fromMs: number, toMs: number): Certificate {
  const serial = randomBytes(16);
  // Positive, and sixteen bytes long. [RFC 5280, section 4.1.2.2]
  serial[0] = (serial[0]! & 0x3f) | 0x40;
  const certificate = new Certificate({ version: 2, serialNumber: new Integer({ valueHex: exact(serial) }) });
  certificate.notBefore = timeOf(fromMs);
  certificate.notAfter = timeOf(toMs);
  return certificate;
}

/** RFC 5280, section 4.1.2.5: two digits of the year until 2049, four from then on. */
function timeOf(ms: number): Time {
  const value = new Date(ms);
  return new Time({ type: value.getUTCFullYear() < 2050 ? 0 : 1, value });
}

function extension(extnID: string, critical: boolean, value: { toSchema(): { toBER(): ArrayBuffer } }): Extension {
  return new Extension({ extnID, critical, extnValue: value.toSchema().toBER() });
}

function keyUsage(bits: number): Extension {
  const unusedBits = Math.clz32(bits & -bits) === 32 ? 0 : 31 - Math.clz32(bits & -bits);
  const value = new BitString({ valueHex: Uint8Array.of(bits).buffer, unusedBits });
  return new Extension({ extnID: oid.keyUsage, critical: true, extnValue: value.toBER() });
}

function purpose(use: string): Extension {
  return extension(oid.extendedKeyUsage, false, new ExtKeyUsage({ keyPurposes: [use] }));
}

/** RFC 5280, section 4.2.1.6: critical where the subject is empty. */
function alternativeNames(names: GeneralName[], critical: boolean): Extension {
  return extension(oid.subjectAltName, critical, new GeneralNames({ names }));
}

function keyIdentifier(key: PublicKeyInfo): Extension {
  const value = new OctetString({ valueHex: hashOf(key) });
  return new Extension({ extnID: oid.subjectKeyIdentifier, critical: false, extnValue: value.toBER() });
}

function authorityIdentifier(key: PublicKeyInfo): Extension {
  const keyIdentifier = new OctetString({ valueHex: hashOf(key) });
  return extension(oid.authorityKeyIdentifier, false, new AuthorityKeyIdentifier({ keyIdentifier }));
}

/** RFC 7093, section 2: of the bits of the public key. */
function hashOf(key: PublicKeyInfo): ArrayBuffer {
  const digest = createHash('sha256').update(key.subjectPublicKey.valueBlock.valueHexView).digest();
  return exact(digest.subarray(0, 20));
}

function exact(bytes: Uint8Array): ArrayBuffer {
  return Uint8Array.from(bytes).buffer;
}

function pemOf(certificate: Certificate): string {
  return toPem('CERTIFICATE', certificate.toSchema(true).toBER());
}
