import { createPrivateKey, createPublicKey } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { newKeyPem } from '../../../gateway/identity/authority/encoding.js';
import { createAuthority, signCertificate, type Authority } from '../../../gateway/identity/authority/certificates.js';

/** Certificates as tests need them, in files of a folder. */
export class CertificateMaker {
  private constructor(
    readonly folder: string,
    readonly authority: Authority,
  ) {}

  static async in(folder: string, name = 'Test Authority'): Promise<CertificateMaker> {
    const authority = await createAuthority(name, { nowMs: Date.now(), days: 30 });
    const maker = new CertificateMaker(folder, authority);
    await maker.write(`${name}.pem`, authority.certificatePem);
    return maker;
  }

  /** The file with the authority's certificate. */
  get ca(): string {
    return join(this.folder, 'Test Authority.pem');
  }

  /** Key and certificate of a device or client, as PEM. */
  async client(name: string, over: { nowMs?: number; days?: number } = {}): Promise<{ key: string; cert: string }> {
    const key = newKeyPem();
    const publicKey = createPublicKey(createPrivateKey(key));
    const cert = await signCertificate(this.authority, { name, publicKey }, { nowMs: Date.now(), days: 10, ...over });
    return { key, cert };
  }

  /** Key and certificate of a gateway, as PEM. */
  async server(...hosts: string[]): Promise<{ key: string; cert: string }> {
    const key = newKeyPem();
    const publicKey = createPublicKey(createPrivateKey(key));
    const cert = await signCertificate(this.authority, { hosts, publicKey }, { nowMs: Date.now(), days: 10 });
    return { key, cert };
  }

  async write(name: string, content: string): Promise<string> {
    const path = join(this.folder, name);
    await writeFile(path, content);
    return path;
  }
}
