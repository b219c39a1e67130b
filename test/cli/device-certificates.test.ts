import { X509Certificate } from 'node:crypto';
import { chmod, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import {
  initAuthority,
  makeCertificate,
  makeRequest,
  makeServerCertificate,
  showAuthority,
  signRequest,
} from '../../cli/device-certificates.js';
import { tempDir } from '../support/temp-dir.js';

async function authority() {
  const folder = await tempDir();
  const ca = join(folder, 'ca');
  await initAuthority(ca, 'Plant authority', 100);
  const issuer = new X509Certificate(await showAuthority(ca));
  const certificate = async (path: string) => new X509Certificate(await readFile(path));
  return { folder, ca, issuer, certificate };
}

it('an authority signs a request of a device, whose key it never sees', async () => {
  const { folder, ca, issuer, certificate } = await authority();
  const prefix = join(folder, 'pi');
  await makeRequest('plant1/pi-07', prefix);
  const output = join(folder, 'signed.pem');
  await signRequest(`${prefix}.csr.pem`, { name: 'plant1/pi-07', ca, days: 10, output });
  const signed = await certificate(output);
  expect(signed.subject).toBe('CN=plant1/pi-07');
  expect(signed.verify(issuer.publicKey)).toBe(true);
  expect((await stat(`${prefix}.key.pem`)).mode & 0o777).toBe(0o600);
  await expect(
    signRequest(`${prefix}.csr.pem`, { name: 'plant1/pi-08', ca, days: 10, output: join(folder, 'x') }),
  ).rejects.toThrow(/is for plant1\/pi-07, not for plant1\/pi-08: nothing was signed/);
  await expect(signRequest(output, { name: 'plant1/pi-07', ca, days: 10 })).rejects.toMatchObject({
    code: 'bad-config',
  });
});

it('makes key and certificate at once, of a device, a client or a gateway, and writes over nothing', async () => {
  const { folder, ca, issuer, certificate } = await authority();
  const prefix = join(folder, 'one');
  await makeCertificate('telegraf-1', { ca, days: 1000, output: prefix });
  const client = await certificate(`${prefix}.cert.pem`);
  expect(client.checkIssued(issuer)).toBe(true);
  // No longer than the authority lasts.
  expect(client.validTo).toBe(issuer.validTo);
  await expect(makeCertificate('telegraf-1', { ca, days: 1, output: prefix })).rejects.toThrow(/there already/);
  await expect(initAuthority(ca, 'Another', 1)).rejects.toThrow(/there already/);
  const gateway = join(folder, 'gw');
  await makeServerCertificate(['gw.example', '10.0.0.5'], { ca, days: 10, output: gateway });
  expect((await certificate(`${gateway}.cert.pem`)).checkIP('10.0.0.5')).toBe('10.0.0.5');
});

it('says what cannot be', async () => {
  const { folder, ca } = await authority();
  await expect(makeRequest('plant1/*')).rejects.toMatchObject({ name: 'UsageError' });
  await expect(makeServerCertificate(['a b'], { ca, days: 1, output: 'x' })).rejects.toMatchObject({
    name: 'UsageError',
  });
  await expect(showAuthority(join(folder, 'nowhere'))).rejects.toMatchObject({ code: 'bad-config' });
  await chmod(join(ca, 'authority.key.pem'), 0o644);
  await expect(makeCertificate('a/b', { ca, days: 1, output: join(folder, 'x') })).rejects.toThrow(/chmod 600/);
});
