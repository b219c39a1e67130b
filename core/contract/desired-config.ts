import { createHash, createPrivateKey, createPublicKey, verify, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { parseJson } from './alert.js';
import { ContractError } from './contract-error.js';
import { deviceKey, nameSchema, type DeviceId } from './names.js';
import { signDocument, signedDocumentSchema } from './signed-document.js';

/** The largest message on the config topic. */
export const maxConfigBytes = 128 * 1024;

/**
 * What is signed. The device and the version are inside: no other device takes it, and none takes it after a newer one.
 * `config` is what a person wrote, without defaults: each device fills in those of its own program.
 */
export const desiredConfigSchema = z.strictObject({
  type: z.literal('fieldline-config'),
  format: z.literal(1),
  site: nameSchema,
  device: nameSchema,
  version: z.int().positive(),
  config: z.record(z.string(), z.unknown()),
});
export type DesiredConfigDocument = z.infer<typeof desiredConfigSchema>;

const signedConfigSchema = signedDocumentSchema(maxConfigBytes);

/** A config message taken apart. Nothing is proven before {@link isSignedBy}. */
export interface SignedConfig {
  readonly document: DesiredConfigDocument;
  /** The bytes under the signature; `document` is read from them. */
  readonly bytes: Uint8Array;
  readonly signature: Uint8Array;
  readonly hash: string;
}

/** The name of a desired config: the first 128 bits of the SHA-256 of its signed bytes, in hex. */
export function configHash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 32);
}

/** Throws {@link ContractError} `too-large`, `not-json`, `schema`, or `wrong-identity` if it is for another device. */
export function readSignedConfig(payload: Uint8Array, expected: DeviceId): SignedConfig {
  if (payload.byteLength > maxConfigBytes)
    throw new ContractError('too-large', `config of ${payload.byteLength} bytes`);
  const { signed, signature } = parseJson(payload, signedConfigSchema, 'config');
  const bytes = Buffer.from(signed, 'utf8');
  const document = parseJson(bytes, desiredConfigSchema, 'config');
  if (deviceKey(document) !== deviceKey(expected)) {
    throw new ContractError('wrong-identity', `a config of ${deviceKey(document)}, not of ${deviceKey(expected)}`);
  }
  return { document, bytes, signature: Buffer.from(signature, 'base64'), hash: configHash(bytes) };
}

export function isSignedBy({ bytes, signature }: SignedConfig, publicKey: KeyObject): boolean {
  return verify(null, bytes, publicKey, signature);
}

/** The message for the config topic. */
export function signConfig(document: DesiredConfigDocument, privateKey: KeyObject): Uint8Array {
  const signed = JSON.stringify(desiredConfigSchema.parse(document));
  return Buffer.from(JSON.stringify(signDocument(signed, privateKey)));
}

/** From PEM, or from one line of base64 (SPKI). Throws {@link ContractError} `schema` if it is no ed25519 key. */
export function publicConfigKey(text: string): KeyObject {
  const isPem = text.includes('-----BEGIN');
  return ed25519Key('public', () =>
    createPublicKey(isPem ? text : { key: Buffer.from(text, 'base64'), format: 'der', type: 'spki' }),
  );
}

/** From PEM (PKCS #8). Throws {@link ContractError} `schema` if it is no ed25519 key. */
export function privateConfigKey(text: string): KeyObject {
  return ed25519Key('private', () => createPrivateKey(text));
}

function ed25519Key(which: string, read: () => KeyObject): KeyObject {
  let key: KeyObject | undefined;
  try {
    key = read();
  } catch (cause) {
    throw new ContractError('schema', `not an ed25519 ${which} key`, { cause });
  }
  if (key.asymmetricKeyType !== 'ed25519') throw new ContractError('schema', `not an ed25519 ${which} key`);
  return key;
}
