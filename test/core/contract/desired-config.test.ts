import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ContractError } from '../../../core/contract/contract-error.js';
import {
  isSignedBy,
  maxConfigBytes,
  privateConfigKey,
  publicConfigKey,
  readSignedConfig,
  signConfig,
} from '../../../core/contract/desired-config.js';

const device = { site: 'plant1', device: 'press-07' };
const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const document = { type: 'fieldline-config', format: 1, ...device, version: 7, config: { sensors: [] } } as const;

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof ContractError) return error.code;
    throw error;
  }
  return 'taken';
}

describe('a signed config', () => {
  it('is what was signed', () => {
    const read = readSignedConfig(signConfig(document, privateKey), device);
    expect(read.document).toEqual(document);
    expect(isSignedBy(read, publicKey)).toBe(true);
    expect(isSignedBy(read, generateKeyPairSync('ed25519').publicKey)).toBe(false);
  });

  it('is refused after any change of its text', () => {
    const { signed, signature } = JSON.parse(Buffer.from(signConfig(document, privateKey)).toString()) as Record<
      string,
      string
    >;
    for (let at = 0; at < signed!.length; at += 1) {
      const changed = `${signed!.slice(0, at)}${signed![at] === '7' ? '8' : '7'}${signed!.slice(at + 1)}`;
      const payload = Buffer.from(JSON.stringify({ signed: changed, signature }));
      try {
        expect(isSignedBy(readSignedConfig(payload, device), publicKey)).toBe(false);
      } catch (error) {
        expect(error).toBeInstanceOf(ContractError);
      }
    }
  });

  it('reads what it verified: a text that is no UTF-16 is not another document', () => {
    const envelope = JSON.parse(Buffer.from(signConfig(document, privateKey)).toString()) as { signed: string };
    const payload = Buffer.from(JSON.stringify({ ...envelope, signed: envelope.signed.replace('press', 'pre\ud800') }));
    expect(codeOf(() => readSignedConfig(payload, device))).toBe('schema');
  });

  it.each([
    ['of another device', signConfig({ ...document, device: 'oven-02' }, privateKey), 'wrong-identity'],
    ['of no version', Buffer.from(JSON.stringify({ signed: '{}', signature: `${'A'.repeat(86)}==` })), 'schema'],
    ['without a signature', Buffer.from(JSON.stringify({ signed: '{}' })), 'schema'],
    ['that is no JSON', Buffer.from('hello'), 'not-json'],
    ['that is too large', Buffer.alloc(maxConfigBytes + 1), 'too-large'],
  ])('%s is refused', (_what, payload, code) => {
    expect(codeOf(() => readSignedConfig(payload, device))).toBe(code);
  });
});

describe('keys', () => {
  it('are read from PEM and from a line of base64', () => {
    const line = publicKey.export({ format: 'der', type: 'spki' }).toString('base64');
    for (const text of [line, publicKey.export({ format: 'pem', type: 'spki' }).toString()]) {
      expect(publicConfigKey(text).equals(publicKey)).toBe(true);
    }
    expect(privateConfigKey(privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()).equals(privateKey)).toBe(
      true,
    );
  });

  it('of another kind are refused', () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey;
    expect(codeOf(() => publicConfigKey(rsa.export({ format: 'pem', type: 'spki' }).toString()))).toBe('schema');
    expect(codeOf(() => publicConfigKey('hello'))).toBe('schema');
    expect(codeOf(() => privateConfigKey('hello'))).toBe('schema');
  });
});
