import { createPrivateKey, createPublicKey, X509Certificate, type KeyObject } from 'node:crypto';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '#core/runtime/clock.js';
import { FatalError, messageOf, systemCode } from '#core/runtime/errors.js';
import { principalKey, principalOf } from '../gateway/broker/principal.js';
import { createAuthority, signCertificate, type Authority } from '../gateway/identity/authority/certificates.js';
import { newKeyPem } from '../gateway/identity/authority/encoding.js';
import { createRequest, readRequest } from '../gateway/identity/authority/request.js';
import { UsageError } from './fail.js';

export interface SigningOptions {
  /** Folder of the authority. */
  readonly ca: string;
  readonly days: number;
  /** A file, or what files begin with. */
  readonly output?: string | undefined;
}

const keyName = 'authority.key.pem';
const certificateName = 'authority.cert.pem';
const nowMs = (): number => systemClock.nowUs() / 1000;

/** Each of these resolves with lines for a person, and throws FatalError `bad-config` for files that cannot be used. */
export async function initAuthority(folder: string, name: string, days: number): Promise<string[]> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { keyPem, certificatePem } = await createAuthority(name, { nowMs: nowMs(), days });
  await writeNew(join(folder, keyName), keyPem, 0o600);
  await writeNew(join(folder, certificateName), certificatePem);
  return [
    `${join(folder, keyName)} signs for any device: keep it to yourself, and off the gateway.`,
    `${join(folder, certificateName)} is for gateway.mqtt.tls.ca, and for edge.gateway.caFile.`,
  ];
}

export async function showAuthority(folder: string): Promise<string> {
  return read(join(folder, certificateName));
}

export async function makeRequest(name: string, output?: string): Promise<string[]> {
  const owner = ownerNamed(name);
  const prefix = output ?? fileNameOf(owner);
  const keyPem = newKeyPem();
  const request = await createRequest(owner, keyPem);
  await writeNew(`${prefix}.key.pem`, keyPem, 0o600);
  await writeNew(`${prefix}.csr.pem`, request);
  return [`${prefix}.key.pem stays on the device.`, `${prefix}.csr.pem is for whoever has the authority.`];
}

export async function signRequest(
  file: string,
  options: SigningOptions & { readonly name: string },
): Promise<string[]> {
  const owner = ownerNamed(options.name);
  const pem = await read(file);
  const { name, publicKey } = await readRequest(pem).catch((cause: unknown) => {
    throw new FatalError('bad-config', `${file}: ${messageOf(cause)}`, { cause });
  });
  if (name !== owner)
    throw new FatalError('bad-config', `${file} is for ${name}, not for ${owner}: nothing was signed.`);
  const path = options.output ?? `${fileNameOf(owner)}.cert.pem`;
  const certificate = await sign(owner, publicKey, options);
  await writeNew(path, certificate);
  return [described(path, certificate)];
}

export async function makeCertificate(name: string, options: SigningOptions): Promise<string[]> {
  const owner = ownerNamed(name);
  const prefix = options.output ?? fileNameOf(owner);
  const keyPem = newKeyPem();
  const certificate = await sign(owner, publicKeyOf(keyPem), options);
  return writePair(prefix, keyPem, certificate);
}

export async function makeServerCertificate(
  hosts: readonly string[],
  options: SigningOptions & { readonly output: string },
): Promise<string[]> {
  const strange = hosts.find((host) => !/^[A-Za-z0-9.:*-]+$/.test(host));
  if (strange !== undefined) throw new UsageError(`${strange} is neither the name nor the address of a host`);
  const keyPem = newKeyPem();
  const authority = await openAuthority(options.ca);
  const request = { hosts, publicKey: publicKeyOf(keyPem) };
  const certificate = await signing(signCertificate(authority, request, { nowMs: nowMs(), days: options.days }));
  return writePair(options.output, keyPem, certificate);
}

async function sign(name: string, publicKey: KeyObject, { ca, days }: SigningOptions): Promise<string> {
  return signing(signCertificate(await openAuthority(ca), { name, publicKey }, { nowMs: nowMs(), days }));
}

async function signing(work: Promise<string>): Promise<string> {
  return work.catch((cause: unknown) => {
    throw new FatalError('bad-config', `the authority cannot sign: ${messageOf(cause)}`, { cause });
  });
}

async function openAuthority(folder: string): Promise<Authority> {
  const path = join(folder, keyName);
  const keyPem = await read(path);
  const { mode } = await stat(path);
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
    throw new FatalError('bad-config', `The key ${path} is open to other users: run chmod 600 ${path}`);
  }
  return { keyPem, certificatePem: await read(join(folder, certificateName)) };
}

async function writePair(prefix: string, keyPem: string, certificate: string): Promise<string[]> {
  await writeNew(`${prefix}.key.pem`, keyPem, 0o600);
  await writeNew(`${prefix}.cert.pem`, certificate);
  return [`${prefix}.key.pem is its key: for its owner alone.`, described(`${prefix}.cert.pem`, certificate)];
}

function described(path: string, pem: string): string {
  return `${path} is its certificate, until ${new Date(new X509Certificate(pem).validTo).toISOString().slice(0, 10)}.`;
}

function publicKeyOf(keyPem: string): KeyObject {
  return createPublicKey(createPrivateKey(keyPem));
}

function ownerNamed(text: string): string {
  const principal = principalOf(text);
  if (!principal) throw new UsageError(`${text} is neither <site>/<device> nor the name of a client`);
  return principalKey(principal);
}

/** A colon is no part of a file's name on every system. */
function fileNameOf(owner: string): string {
  return owner.replaceAll(/[/:]/g, '-');
}

/** Never over a file that is there: it may be the only copy of a key. */
async function writeNew(path: string, text: string, mode = 0o644): Promise<void> {
  await writeFile(path, text, { mode, flag: 'wx' }).catch((cause: unknown) => {
    const why = systemCode(cause) === 'EEXIST' ? 'it is there already: move it away first' : messageOf(cause);
    throw new FatalError('bad-config', `cannot write ${path}: ${why}`, { cause });
  });
}

async function read(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw new FatalError('bad-config', `cannot read ${path}: ${messageOf(cause)}`, { cause });
  });
}
