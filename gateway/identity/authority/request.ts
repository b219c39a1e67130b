import { createPublicKey, type KeyObject } from 'node:crypto';
import { Attribute, CertificationRequest, Extension, Extensions, GeneralNames } from 'pkijs';
import { principalKey, principalOf } from '../../broker/principal.js';
import {
  dnsTag,
  engine,
  fromPem,
  oid,
  readKey,
  setCommonName,
  signatureHash,
  toPem,
  uriName,
  uriTag,
} from './encoding.js';

/** What a device asks an authority for, once that was found to be in order. */
export interface DeviceRequest {
  /** `<site>/<device>`, or the name of a client. Whoever has the key wrote it: it proves nothing. */
  readonly name: string;
  readonly publicKey: KeyObject;
}

/** The largest request: those of our kind take a kilobyte. */
const maxBytes = 16 * 1024;
const [minRsaBits, maxRsaBits] = [2048, 4096];
const curves = new Set(['prime256v1', 'secp384r1', 'secp521r1']);

/** A request (PKCS #10) for the name by the holder of the key, in PEM. */
export async function createRequest(name: string, keyPem: string): Promise<string> {
  const { privateKey, publicKey } = await readKey(keyPem);
  const request = new CertificationRequest({ version: 0, attributes: [requested(name)] });
  setCommonName(request.subject, name);
  await request.subjectPublicKeyInfo.importKey(publicKey, engine);
  await request.sign(privateKey, signatureHash, engine);
  return toPem('CERTIFICATE REQUEST', request.toSchema().toBER());
}

/** Throws an Error that says what is wrong with a request; nothing of it but the name and the key is ever used. */
export async function readRequest(pem: string): Promise<DeviceRequest> {
  const request = decode(pem);
  return { name: nameOf(request), publicKey: await provenKey(request) };
}

/** The key of a request whose names do not matter, once its holder proved to have it. Throws an Error as `readRequest`. */
export async function readRequestKey(pem: string): Promise<KeyObject> {
  return provenKey(decode(pem));
}

function decode(pem: string): CertificationRequest {
  if (pem.length > maxBytes) throw new Error(`the request has more than ${maxBytes} characters`);
  return parse(fromPem('CERTIFICATE REQUEST', pem));
}

/** The kind of key is looked at first: what a strange one costs is not to be found out. */
async function provenKey(request: CertificationRequest): Promise<KeyObject> {
  const key = keyOf(request);
  const isSigned = await request.verify(engine).catch(() => false);
  if (!isSigned) throw new Error('the signature of the request is not by its key');
  return key;
}

function parse(der: Uint8Array<ArrayBuffer>): CertificationRequest {
  try {
    return CertificationRequest.fromBER(der);
  } catch (cause) {
    throw new Error('not a certificate request', { cause });
  }
}

/** The alternative names that the request wishes for. */
function requested(name: string): Attribute {
  const extnValue = new GeneralNames({ names: [uriName(name)] }).toSchema().toBER();
  const wish = new Extension({ extnID: oid.subjectAltName, critical: false, extnValue });
  return new Attribute({ type: oid.extensionRequest, values: [new Extensions({ extensions: [wish] }).toSchema()] });
}

function nameOf(request: CertificationRequest): string {
  const named = [...commonNames(request), ...alternativeNames(request)].flatMap((name) => principalOf(name) ?? []);
  const names = new Set(named.map(principalKey));
  const [name] = names;
  if (name === undefined) throw new Error('the request names no device: <site>/<device> must be its common name');
  if (names.size > 1) throw new Error(`the request names more than one device: ${[...names].join(', ')}`);
  return name;
}

function commonNames({ subject }: CertificationRequest): string[] {
  const found = subject.typesAndValues.filter(({ type }) => type === oid.commonName);
  return found.map(({ value }) => String((value as { valueBlock: { value: unknown } }).valueBlock.value));
}

function alternativeNames({ attributes = [] }: CertificationRequest): string[] {
  const wishes = attributes
    .filter(({ type }) => type === oid.extensionRequest)
    .flatMap(({ values }) => values as object[]);
  const extensions = wishes.flatMap((schema) => new Extensions({ schema }).extensions);
  return extensions
    .filter(({ extnID }) => extnID === oid.subjectAltName)
    .flatMap(({ extnValue }) => GeneralNames.fromBER(Uint8Array.from(extnValue.valueBlock.valueHexView)).names)
    .filter(({ type }) => type === uriTag || type === dnsTag)
    .map(({ value }) => String(value));
}

/** Throws an Error for a kind of key that TLS has no use for, or one that is too short or longer than is of any use. */
function keyOf(request: CertificationRequest): KeyObject {
  const der = Buffer.from(request.subjectPublicKeyInfo.toSchema().toBER());
  const key = publicKeyOf(der);
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  const bits = details?.modulusLength ?? 0;
  const isGood =
    (type === 'ec' && curves.has(details?.namedCurve ?? '')) ||
    (type === 'rsa' && bits >= minRsaBits && bits <= maxRsaBits);
  if (!isGood) throw new Error(`the key of the request is of a kind that is not signed: ${type ?? 'unknown'}`);
  return key;
}

function publicKeyOf(der: Buffer): KeyObject {
  try {
    return createPublicKey({ key: der, format: 'der', type: 'spki' });
  } catch (cause) {
    throw new Error('the key of the request is none', { cause });
  }
}
