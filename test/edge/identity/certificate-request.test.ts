import { execFileSync } from 'node:child_process';
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { certificateRequest, newKey, spkiOf } from '../../../edge/identity/certificate-request.js';
import { oid, utf8 } from '../../../edge/identity/der-writer.js';
import { readDer, text } from '../../../edge/uplink/der.js';
import { spkiOf as spkiAtGateway } from '../../../gateway/enrolment/read-request.js';
import { readRequest } from '../../../gateway/identity/authority/request.js';

const hasOpenssl = ['/usr/bin/openssl', '/usr/local/bin/openssl'].some((path) => existsSync(path));
const longName = `${'s'.repeat(60)}/${'d'.repeat(60)}`;

describe('a request for a certificate', () => {
  it.each(['plant1/pi-07', longName])('of %s is what pkijs reads, signed by its key', async (name) => {
    const key = createPrivateKey(newKey());
    const read = await readRequest(certificateRequest(name, key));
    expect(read.name).toBe(name);
    expect(read.publicKey.equals(createPublicKey(key))).toBe(true);
    expect(spkiAtGateway(read.publicKey)).toBe(spkiOf(key));
  });

  it.runIf(hasOpenssl)('is what openssl reads and verifies', () => {
    const request = certificateRequest('plant1/pi-07', createPrivateKey(newKey()));
    const args = ['req', '-verify', '-noout', '-text'];
    const told = execFileSync('openssl', args, { input: request, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] });
    expect(told).toMatch(/Subject: CN ?= ?plant1\/pi-07/);
    expect(told).toContain('URI:plant1/pi-07');
    expect(told).toContain('ecdsa-with-SHA256');
  });

  it('signed by another key is refused', async () => {
    const pem = certificateRequest('plant1/pi-07', createPrivateKey(newKey()));
    const der = Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64');
    const other = certificateRequest('plant1/pi-08', createPrivateKey(newKey()));
    const stray = Buffer.from(other.replace(/-----[^-]+-----/g, ''), 'base64');
    // Whatever length its signature has, it is not that of the first.
    const mixed = Buffer.concat([der.subarray(0, der.length - 40), stray.subarray(stray.length - 40)]);
    const armoured = `-----BEGIN CERTIFICATE REQUEST-----\n${mixed.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
    await expect(readRequest(armoured)).rejects.toThrow();
  });

  it('has an identifier for every key', () => {
    const [one, other] = [createPrivateKey(newKey()), generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey];
    expect(spkiOf(one)).toMatch(/^[0-9a-f]{64}$/);
    expect(spkiOf(other)).not.toBe(spkiOf(one));
  });
});

describe('what is written of ASN.1', () => {
  it.each(['1.2.840.113549.1.9.14', '2.5.4.3', '1.3.6.1.5.5.7.3.2'])('%s is read back', (dots) => {
    expect(text(readDer(oid(dots)))).toBe(dots);
  });

  it.each([0, 127, 128, 255, 256, 70_000])('%i characters are read back', (length) => {
    const der = readDer(utf8('x'.repeat(length)));
    expect(der.bytes.toString('utf8')).toBe('x'.repeat(length));
  });
});
