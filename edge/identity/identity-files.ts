import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { RetryableError, messageOf, systemCode } from '#core/runtime/errors.js';
import type { ClientCertificate } from '../client-certificate.js';
import { syncFolder, writeDurably } from '../upgrade/durable-files.js';
import { newKey } from './certificate-request.js';

export interface IdentityPaths {
  readonly certFile: string;
  readonly keyFile: string;
  readonly tokenFile?: string | undefined;
}

/**
 * Key and certificate of the device, and those that are to take their place: the same names with `.next` behind. Whatever
 * step the plug is pulled at, a pair that works is found again: the next one is made beside the one in use, and takes its
 * place only after it has spoken. None of it is for calls at once.
 */
export class IdentityFiles {
  constructor(
    private readonly paths: IdentityPaths,
    /** Called before each change of the disk, for tests to end there. */
    private readonly step: (what: string) => void = () => undefined,
  ) {}

  /** What is in use; undefined if there is none, or one without the other. */
  async current(): Promise<ClientCertificate | undefined> {
    const { certFile, keyFile } = this.paths;
    return pairOf(await read(certFile), await read(keyFile));
  }

  /** What is to take its place, once it is whole. Ends first what was begun when the plug was pulled. */
  async next(): Promise<ClientCertificate | undefined> {
    const { certFile, keyFile } = this.paths;
    const [cert, key] = [await read(nextOf(certFile)), await read(nextOf(keyFile))];
    if (key !== undefined || cert === undefined) return pairOf(cert, key);
    // The key has moved already.
    if (pairOf(cert, await read(keyFile))) await this.move(certFile);
    else await this.remove(nextOf(certFile));
    return undefined;
  }

  /** The PEM of the key that the next certificate is for: the same until that is in use. Throws RetryableError. */
  async nextKey(): Promise<string> {
    const path = nextOf(this.paths.keyFile);
    const known = await read(path);
    if (known !== undefined && isKey(known)) return known;
    const key = newKey();
    await this.write(path, key, 0o600);
    return key;
  }

  /** Keeps the certificate for the next key. Throws RetryableError. */
  async keepNext(cert: string): Promise<void> {
    await this.write(nextOf(this.paths.certFile), cert, 0o640);
  }

  /** The next pair has spoken: it is in use from now on, and the token that gave it is deleted. Throws RetryableError. */
  async commit(usedToken: string | undefined): Promise<void> {
    if (usedToken !== undefined) await this.dropToken(usedToken);
    await this.move(this.paths.keyFile);
    await this.move(this.paths.certFile);
  }

  /** The next pair is of no use. The certificate first: without it, the key is one that waits for another. */
  async dropNext(): Promise<void> {
    await this.remove(nextOf(this.paths.certFile));
    await this.remove(nextOf(this.paths.keyFile));
  }

  /** The enrolment token, if one was laid there. */
  async token(): Promise<string | undefined> {
    const { tokenFile } = this.paths;
    const token = tokenFile === undefined ? undefined : (await read(tokenFile))?.trim();
    return token === '' ? undefined : token;
  }

  /** Deletes the token, unless another was laid there meanwhile. */
  async dropToken(token: string): Promise<void> {
    if ((await this.token()) === token) await this.remove(this.paths.tokenFile!);
  }

  private async write(path: string, text: string, mode: number): Promise<void> {
    await this.change(`write ${path}`, () => writeDurably(path, text, mode));
  }

  private async move(path: string): Promise<void> {
    await this.change(`move ${path}`, async () => {
      await rename(nextOf(path), path);
      await syncFolder(dirname(path));
    });
  }

  private async remove(path: string): Promise<void> {
    await this.change(`remove ${path}`, async () => {
      await unlink(path).catch((error: unknown) => {
        if (systemCode(error) !== 'ENOENT') throw error;
      });
      await syncFolder(dirname(path));
    });
  }

  private async change(what: string, work: () => Promise<void>): Promise<void> {
    this.step(what);
    try {
      await work();
    } catch (cause) {
      const code = systemCode(cause) === 'ENOSPC' ? 'disk-full' : 'unavailable';
      throw new RetryableError(code, `the identity of the device: ${what}: ${messageOf(cause)}`, { cause });
    }
  }
}

function nextOf(path: string): string {
  return `${path}.next`;
}

/** Both, if the key is that of the certificate. */
function pairOf(cert: string | undefined, key: string | undefined): ClientCertificate | undefined {
  if (cert === undefined || key === undefined) return undefined;
  try {
    return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key)) ? { cert, key } : undefined;
  } catch {
    return undefined;
  }
}

function isKey(pem: string): boolean {
  try {
    return createPrivateKey(pem).asymmetricKeyDetails?.namedCurve === 'prime256v1';
  } catch {
    return false;
  }
}

async function read(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return undefined;
    throw new RetryableError('unavailable', `cannot read ${path}: ${messageOf(cause)}`, { cause });
  }
}
