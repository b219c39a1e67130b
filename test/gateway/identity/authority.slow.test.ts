import { execFileSync } from 'node:child_process';
import { createPrivateKey, createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { createAuthority, signCertificate, type Authority } from '../../../gateway/identity/authority/certificates.js';
import { newKeyPem } from '../../../gateway/identity/authority/encoding.js';
import { createRequest, readRequest } from '../../../gateway/identity/authority/request.js';
import { certificateOwner } from '../../../gateway/identity/certificate-owner.js';
import { tempDir } from '../../support/temp-dir.js';

const nowMs = Date.UTC(2026, 10, 21);
const dayMs = 86_400_000;
const validity = { nowMs, days: 100 };
// What another implementation says of our files is asked where there is one; Node's own OpenSSL is asked everywhere.
const hasOpenssl = ['/usr/bin/openssl', '/usr/local/bin/openssl'].some((path) => existsSync(path));
const openssl = (args: readonly string[], input?: string): string =>
  execFileSync('openssl', args, { encoding: 'utf8', input, stdio: ['pipe', 'pipe', 'pipe'] });

let authority: Authority;
beforeAll(async () => void (authority = await createAuthority('Plant Authority', { nowMs, days: 3650 })));

async function certificateFor(name: string, over = {}): Promise<X509Certificate> {
  const { publicKey } = await readRequest(await createRequest(name, newKeyPem()));
  return new X509Certificate(await signCertificate(authority, { name, publicKey }, { ...validity, ...over }));
}

describe('an authority of one’s own', () => {
  it('has a certificate that signs certificates, and no authorities', () => {
    const certificate = new X509Certificate(authority.certificatePem);
    expect(certificate).toMatchObject({ subject: 'CN=Plant Authority', ca: true });
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.checkPrivateKey(createPrivateKey(authority.keyPem))).toBe(true);
    expect(Date.parse(certificate.validTo)).toBe(nowMs + 3650 * dayMs);
  });

  it.each(['plant1/pi-07', 'telegraf-1', `${'s'.repeat(64)}/${'d'.repeat(64)}`])('signs for %s', async (name) => {
    const certificate = await certificateFor(name);
    const issuer = new X509Certificate(authority.certificatePem);
    expect(certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)).toBe(true);
    expect(certificate).toMatchObject({ ca: false, keyUsage: ['1.3.6.1.5.5.7.3.2'] });
    expect(Date.parse(certificate.validFrom)).toBe(nowMs);
    const owner = certificateOwner(certificate);
    expect(owner).toMatchObject({ proof: { by: 'certificate', issuedUs: nowMs * 1000 } });
    expect(certificate.subjectAltName).toBe(`URI:${name}`);
    expect(certificate.subject).toBe(name.length > 64 ? undefined : `CN=${name}`);
  });

  it('signs for no longer than it lasts itself', async () => {
    const certificate = await certificateFor('plant1/pi-07', { days: 36_500 });
    expect(Date.parse(certificate.validTo)).toBe(nowMs + 3650 * dayMs);
    await expect(certificateFor('plant1/pi-07', { nowMs: nowMs + 3651 * dayMs })).rejects.toThrow(/expired/);
  });

  it('signs for hosts by name and by address', async () => {
    const publicKey = createPublicKey(createPrivateKey(newKeyPem()));
    const hosts = ['gw.plant1.example', '10.0.0.5', '::1', '2001:db8::7:8'];
    const certificate = new X509Certificate(await signCertificate(authority, { hosts, publicKey }, validity));
    expect(certificate.checkHost('gw.plant1.example')).toBe('gw.plant1.example');
    expect(hosts.slice(1).map((ip) => certificate.checkIP(ip))).toEqual(hosts.slice(1));
    expect(certificateOwner(certificate)).toBe('the certificate is not for clients');
  });

  it('does not sign with a key that is not its own', async () => {
    const publicKey = createPublicKey(createPrivateKey(newKeyPem()));
    const mixed = { ...authority, keyPem: newKeyPem() };
    await expect(signCertificate(mixed, { name: 'a/b', publicKey }, validity)).rejects.toThrow(/key is not that/);
    const leaf = (await certificateFor('a/b')).toString();
    await expect(
      signCertificate({ ...authority, certificatePem: leaf }, { name: 'a/b', publicKey }, validity),
    ).rejects.toThrow(/not that of an authority/);
  });

  it.runIf(hasOpenssl)('makes what openssl takes for good', async () => {
    const folder = await tempDir();
    const file = async (name: string, text: string) => {
      await writeFile(join(folder, name), text);
      return join(folder, name);
    };
    const ca = await file('ca.pem', authority.certificatePem);
    const request = await createRequest('plant1/pi-07', newKeyPem());
    expect(openssl(['req', '-verify', '-noout', '-subject', '-in', await file('r.csr', request)])).toContain(
      'plant1/pi-07',
    );
    const at = ['-attime', String(nowMs / 1000 + 60)];
    for (const name of ['plant1/pi-07', `${'s'.repeat(64)}/d`]) {
      const cert = await file('c.pem', (await certificateFor(name)).toString());
      const strict = ['verify', '-x509_strict', '-purpose', 'sslclient', ...at, '-CAfile', ca, cert];
      expect(openssl(strict)).toContain('OK');
      expect(() => openssl(['verify', '-purpose', 'sslserver', ...at, '-CAfile', ca, cert])).toThrow();
    }
  });
});

describe('a request of a device', () => {
  it('is read with its name and key', async () => {
    const keyPem = newKeyPem();
    for (const name of ['plant1/pi-07', 'telegraf-1', `${'s'.repeat(64)}/${'d'.repeat(64)}`]) {
      const { name: read, publicKey } = await readRequest(await createRequest(name, keyPem));
      expect(read).toBe(name);
      expect(publicKey.equals(createPublicKey(createPrivateKey(keyPem)))).toBe(true);
    }
  });

  it('is refused if it is none, or its signature is of another key', async () => {
    const pem = await createRequest('plant1/pi-07', newKeyPem());
    const bytes = Buffer.from(pem.replaceAll(/-----[^-]+-----|\n/g, ''), 'base64');
    const asPem = (der: Buffer) =>
      `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
    // The name inside is another than the one that was signed.
    const forged = Buffer.from(bytes.toString('latin1').replaceAll('pi-07', 'pi-08'), 'latin1');
    await expect(readRequest(asPem(forged))).rejects.toThrow(/signature/);
    for (const bad of [
      '',
      'garbage',
      pem + pem,
      asPem(Buffer.alloc(50, 7)),
      asPem(bytes.subarray(0, 80)),
      'x'.repeat(20_000),
    ]) {
      await expect(readRequest(bad)).rejects.toThrow(/request/);
    }
    for (let at = 0; at < bytes.length; at += 3) {
      const flipped = Buffer.from(bytes);
      flipped[at]! ^= 0x55;
      const outcome = await readRequest(asPem(flipped)).catch((error: unknown) => error);
      expect(outcome, `byte ${at}`).toBeInstanceOf(Error);
    }
  });

  it.runIf(hasOpenssl)('may come from openssl; one for no device, for two, or with a weak key is refused', async () => {
    const folder = await tempDir();
    const request = (subject: string, key: string[], more: string[] = []) =>
      openssl(['req', '-new', '-nodes', '-keyout', join(folder, 'k.pem'), '-subj', subject, ...key, ...more]);
    const p256 = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
    const named = (names: string) => ['-addext', `subjectAltName=${names}`];
    expect(await readRequest(request('/CN=plant1\\/pi-07', p256))).toMatchObject({ name: 'plant1/pi-07' });
    expect(await readRequest(request('/CN=plant1\\/pi-07', ['-newkey', 'rsa:2048']))).toMatchObject({
      name: 'plant1/pi-07',
    });
    expect(await readRequest(request('/O=Acme', p256, named('URI:plant1/pi-07')))).toMatchObject({
      name: 'plant1/pi-07',
    });
    await expect(readRequest(request('/CN=plant1\\/*', p256))).rejects.toThrow(/names no device/);
    await expect(readRequest(request('/CN=a\\/b\\/c', p256))).rejects.toThrow(/names no device/);
    await expect(readRequest(request('/CN=a\\/b', p256, named('URI:a/c')))).rejects.toThrow(/more than one/);
    await expect(readRequest(request('/CN=a\\/b/CN=a\\/c', p256))).rejects.toThrow(/more than one/);
    await expect(readRequest(request('/CN=a\\/b', ['-newkey', 'rsa:1024']))).rejects.toThrow(/kind that is not signed/);
  });

  it('is not made with another kind of key', async () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }) as string;
    await expect(createRequest('a/b', pem)).rejects.toThrow(/P-256/);
  });
});
