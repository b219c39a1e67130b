import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ContractError } from '../../../core/contract/contract-error.js';
import {
  enrolmentRequestSchema,
  enrolmentTokenId,
  enrolmentTokenOf,
  maxEnrolmentBytes,
} from '../../../core/contract/enrolment.js';
import { tokenId, tokenOf } from '../../../core/contract/credentials.js';
import { certificateRequest, newKey, spkiOf } from '../../../edge/identity/certificate-request.js';
import { readEnrolmentRequest } from '../../../gateway/enrolment/read-request.js';

const key = createPrivateKey(newKey());
const csr = certificateRequest('plant1/press-07', key);
const der = Buffer.from(csr.replace(/-----[^-]+-----/g, ''), 'base64');
const armoured = (bytes: Uint8Array) =>
  `-----BEGIN CERTIFICATE REQUEST-----\n${Buffer.from(bytes).toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
const payload = (pem: unknown) => Buffer.from(JSON.stringify({ type: 'enrol', csr: pem }));

/** What became of it: the key's digest, or the code of the refusal; anything else is a fault of ours. */
async function verdict(bytes: Uint8Array): Promise<string> {
  try {
    return (await readEnrolmentRequest(bytes)).spki;
  } catch (error) {
    if (error instanceof ContractError) return error.code;
    throw error;
  }
}

describe('a request for a certificate', () => {
  it('is read for its key, whatever names it has', async () => {
    expect(await verdict(payload(csr))).toBe(spkiOf(key));
    expect(await verdict(payload(certificateRequest('#', key)))).toBe(spkiOf(key));
    expect(enrolmentRequestSchema.parse({ type: 'enrol', csr })).toEqual({ type: 'enrol', csr });
  });

  it.each([
    ['not JSON', Buffer.from('{'), 'not-json'],
    ['of another kind', Buffer.from('{"type":"data"}'), 'schema'],
    ['no PEM', payload('garbage'), 'schema'],
    ['two requests', payload(csr + csr), 'schema'],
    ['too large', Buffer.alloc(maxEnrolmentBytes + 1, 0x20), 'too-large'],
    ['of more characters than a request has', payload('x'.repeat(8193)), 'schema'],
    ['with something unknown beside it', Buffer.from(JSON.stringify({ type: 'enrol', csr, admin: true })), 'schema'],
  ])('that is %s is refused', async (_what, bytes, code) => {
    expect(await verdict(bytes)).toBe(code);
  });

  it.each([
    ['P-224', { namedCurve: 'secp224r1' }],
    ['a curve of Bitcoin', { namedCurve: 'secp256k1' }],
  ])('by a key on %s is refused', async (_what, options) => {
    const { privateKey } = generateKeyPairSync('ec', options);
    await expect(readEnrolmentRequest(payload(certificateRequest('plant1/press-07', privateKey)))).rejects.toThrow(
      /key/,
    );
  });

  it('with a bit that is another, or cut short, is refused or proves the same key, and breaks nothing', async () => {
    const changed = fc.tuple(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 }), fc.nat(der.length));
    await fc.assert(
      fc.asyncProperty(changed, fc.boolean(), async ([at, mask, length], isCut) => {
        const bytes = Buffer.from(der);
        bytes[at]! ^= mask;
        const found = await verdict(payload(armoured(isCut ? bytes.subarray(0, length) : bytes)));
        // A change that the signature does not cover, as that of how its own length is written, proves no other key.
        expect(['schema', spkiOf(key)]).toContain(found);
      }),
      { numRuns: 300 },
    );
  });

  it('that is anything at all is refused, and breaks nothing', async () => {
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 400 }),
      fc.json().map((text) => Buffer.from(text)),
      fc.string({ maxLength: 300 }).map(payload),
      fc.uint8Array({ maxLength: 300 }).map((bytes) => payload(armoured(bytes))),
    );
    await fc.assert(
      fc.asyncProperty(anything, async (bytes) => {
        expect(['schema', 'not-json', 'too-large']).toContain(await verdict(bytes));
      }),
      { numRuns: 300 },
    );
  });
});

it('an enrolment token is no token of a device, nor the other way round', () => {
  const [id, secret] = ['0123456789ab', Buffer.alloc(32, 7)];
  const [enrolment, issued] = [enrolmentTokenOf(id, secret), tokenOf(id, secret)];
  expect([enrolmentTokenId(enrolment), tokenId(issued)]).toEqual([id, id]);
  expect([tokenId(enrolment), enrolmentTokenId(issued), enrolmentTokenId(` ${enrolment}`)]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});
