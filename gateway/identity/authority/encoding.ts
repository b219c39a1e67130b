import { createPrivateKey, createPublicKey, generateKeyPairSync, webcrypto, type KeyObject } from 'node:crypto';
import { isIP } from 'node:net';
import { OctetString, Utf8String } from 'asn1js';
import { AttributeTypeAndValue, CryptoEngine, GeneralName, type RelativeDistinguishedNames } from 'pkijs';

/** The object identifiers of X.509 that are used here (RFC 5280, section 4.2). */
export const oid = {
  commonName: '2.5.4.3',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuthentication: '1.3.6.1.5.5.7.3.1',
  clientAuthentication: '1.3.6.1.5.5.7.3.2',
  extensionRequest: '1.2.840.113549.1.9.14',
} as const;

/** What the signing of pkijs runs on; nothing of it is global. */
export const engine = new CryptoEngine({ name: 'node', crypto: webcrypto as never });
export const signatureHash = 'SHA-256';
const curve = { name: 'ECDSA', namedCurve: 'P-256' } as const;

/** The tags of alternative names (RFC 5280, section 4.2.1.6). */
export const dnsTag = 2;
export const uriTag = 6;
const addressTag = 7;
/** X.520: a common name has at most so many characters; a longer name stands among the alternative names alone. */
const maxCommonName = 64;

/** A new ECDSA key on P-256, as PEM (PKCS #8). */
export function newKeyPem(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ format: 'pem', type: 'pkcs8' }) as string;
}

export interface KeyPair {
  readonly privateKey: webcrypto.CryptoKey;
  readonly publicKey: webcrypto.CryptoKey;
}

/** Throws an Error for a PEM that is no private key on P-256. */
export async function readKey(pem: string): Promise<KeyPair> {
  const key = createPrivateKey(pem);
  if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw new Error('not an ECDSA key on P-256');
  }
  const { subtle } = webcrypto;
  const der = (one: KeyObject, type: 'pkcs8' | 'spki') => one.export({ format: 'der', type } as never) as Buffer;
  return {
    privateKey: await subtle.importKey('pkcs8', der(key, 'pkcs8'), curve, false, ['sign']),
    publicKey: await subtle.importKey('spki', der(createPublicKey(key), 'spki'), curve, true, ['verify']),
  };
}

/** Adds the name to a subject, if it is not too long for one. */
export function setCommonName(subject: RelativeDistinguishedNames, name: string): void {
  if (name.length > maxCommonName) return;
  const value = new Utf8String({ value: name });
  subject.typesAndValues.push(new AttributeTypeAndValue({ type: oid.commonName, value }));
}

/** A subject alternative name: a URI, which may be `<site>/<device>`. */
export function uriName(name: string): GeneralName {
  return new GeneralName({ type: uriTag, value: name });
}

/** The name of a host, or its address. */
export function hostName(host: string): GeneralName {
  if (isIP(host) === 0) return new GeneralName({ type: dnsTag, value: host });
  return new GeneralName({ type: addressTag, value: new OctetString({ valueHex: addressBytes(host) }) });
}

/** The four or sixteen bytes of an IP address. */
function addressBytes(host: string): ArrayBuffer {
  if (isIP(host) === 4) return Uint8Array.from(host.split('.').map(Number)).buffer;
  // The URL parser knows every way to write one: it gives eight groups with at most one `::`.
  const [left = '', right] = new URL(`http://[${host}]`).hostname.slice(1, -1).split('::');
  const groups = (text: string | undefined) => (text === undefined || text === '' ? [] : text.split(':'));
  const [head, tail] = [groups(left), groups(right)];
  const zeros = right === undefined ? 0 : 8 - head.length - tail.length;
  const numbers = [...head, ...Array<string>(zeros).fill('0'), ...tail].map((group) => parseInt(group, 16));
  return Uint8Array.from(numbers.flatMap((number) => [number >> 8, number & 0xff])).buffer;
}

export function toPem(label: 'CERTIFICATE' | 'CERTIFICATE REQUEST', der: ArrayBuffer): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** The bytes of the only block of this kind. Throws an Error if there is none, or more. */
export function fromPem(label: 'CERTIFICATE' | 'CERTIFICATE REQUEST', pem: string): Uint8Array<ArrayBuffer> {
  const blocks = [
    ...pem.matchAll(new RegExp(`-----BEGIN ${label}-----([A-Za-z0-9+/=\\s]+)-----END ${label}-----`, 'g')),
  ];
  if (blocks.length !== 1) throw new Error(`not one ${label.toLowerCase()} in PEM`);
  return Uint8Array.from(Buffer.from(blocks[0]![1]!, 'base64'));
}
