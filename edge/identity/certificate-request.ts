import { createHash, createPublicKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { bits, octets, oid, sequence, set, smallInteger, utf8, value } from './der-writer.js';

const commonName = '2.5.4.3';
const subjectAltName = '2.5.29.17';
const extensionRequest = '1.2.840.113549.1.9.14';
const ecdsaWithSha256 = '1.2.840.10045.4.3.2';
const [uriTag, attributesTag] = [0x86, 0xa0];
/** X.520: longer names stand among the alternative names alone. */
const maxCommonName = 64;

/** A new ECDSA key on P-256, as PEM (PKCS #8). */
export function newKey(): string {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
    format: 'pem',
    type: 'pkcs8',
  }) as string;
}

/**
 * A request for a certificate (PKCS #10, RFC 2986) by the holder of the key, as PEM. `name` is `<site>/<device>`; whoever
 * signs knows better whose key it is. The key is one of ECDSA on P-256.
 */
export function certificateRequest(name: string, key: KeyObject): string {
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  const info = sequence(smallInteger(0), subject(name), spki, value(attributesTag, wishes(name)));
  const request = sequence(info, sequence(oid(ecdsaWithSha256)), bits(sign('sha256', info, key)));
  const lines = request.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE REQUEST-----\n${lines.join('\n')}\n-----END CERTIFICATE REQUEST-----\n`;
}

/** SHA-256 of the public key (SPKI, DER) in hex: whose answer it is. */
export function spkiOf(key: KeyObject): string {
  const publicKey = key.type === 'public' ? key : createPublicKey(key);
  return createHash('sha256')
    .update(publicKey.export({ format: 'der', type: 'spki' }))
    .digest('hex');
}

function subject(name: string): Buffer {
  if (name.length > maxCommonName) return sequence();
  return sequence(set(sequence(oid(commonName), utf8(name))));
}

/** The extensions that it wishes for: the name as a URI, which may be a path alone. */
function wishes(name: string): Buffer {
  const names = sequence(value(uriTag, Buffer.from(name, 'latin1')));
  const extensions = sequence(sequence(oid(subjectAltName), octets(names)));
  return sequence(oid(extensionRequest), set(extensions));
}
