import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { FatalError, messageOf, systemCode } from '#core/runtime/errors.js';

/** Where the public half of a release key lies: `release-key.pem` has `release-key.pub.pem` beside it. */
export function publicKeyFile(keyFile: string): string {
  return `${keyFile.replace(/\.pem$/, '')}.pub.pem`;
}

/**
 * Makes the pair of keys of a fleet's releases: the private one for its owner alone, the public one beside it.
 * Throws FatalError `bad-config` if one is there: devices may trust it.
 */
export async function makeReleaseKey(keyFile: string): Promise<{ readonly publicKey: KeyObject }> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  await writeNew(keyFile, privateKey.export({ format: 'pem', type: 'pkcs8' }), 0o600);
  await writeNew(publicKeyFile(keyFile), publicKeyPem(publicKey), 0o644);
  return { publicKey };
}

/** Throws FatalError `bad-config`. */
export async function loadReleaseKey(keyFile: string): Promise<KeyObject> {
  const next = `make one with: fieldline release keygen --key ${keyFile}`;
  return checked(await read(keyFile, next), createPrivateKey, keyFile, 'a private key');
}

/** The public key in a PEM file; of a private one, its public half. Throws FatalError `bad-config`. */
export async function loadPublicReleaseKey(file: string): Promise<KeyObject> {
  return checked(await read(file, 'give the public key with --key'), createPublicKey, file, 'a key');
}

/** SPKI, as a device keeps it. */
export function publicKeyPem(key: KeyObject): string {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  return publicKey.export({ format: 'pem', type: 'spki' }).toString();
}

async function read(file: string, next: string): Promise<string> {
  return readFile(file, 'utf8').catch((cause: unknown) => {
    throw new FatalError('bad-config', `cannot read the release key: ${messageOf(cause)}; ${next}`, { cause });
  });
}

function checked(pem: string, parse: (pem: string) => KeyObject, file: string, what: string): KeyObject {
  let key: KeyObject | undefined;
  try {
    key = parse(pem);
  } catch {
    // Said below, with what was wanted.
  }
  if (key?.asymmetricKeyType === 'ed25519') return key;
  throw new FatalError('bad-config', `${file} is not ${what} of ed25519 in PEM, as fieldline release keygen makes it`);
}

async function writeNew(file: string, content: string | Buffer, mode: number): Promise<void> {
  await writeFile(file, content, { mode, flag: 'wx' }).catch((cause: unknown) => {
    const why =
      systemCode(cause) === 'EEXIST' ? `${file} is there already, and devices may trust it` : messageOf(cause);
    throw new FatalError('bad-config', `no new release key: ${why}`, { cause });
  });
}
