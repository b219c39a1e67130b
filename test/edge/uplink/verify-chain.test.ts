import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { certificateParts } from '../../../edge/uplink/certificate.js';
import { verifyChain } from '../../../edge/uplink/verify-chain.js';

function certificates(file: string): X509Certificate[] {
  const pem = readFileSync(new URL(`../../fixtures/tls/chain/${file}.pem`, import.meta.url), 'latin1');
  return pem.match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/g)!.map((one) => new X509Certificate(one));
}

const at = (year: number, exact = false) => ({ timeUs: Date.UTC(year, 5) * 1000, exact });
const [authority] = certificates('authority');

function verify(file: string, time = at(2027), authorities = [authority!], extra: X509Certificate[] = []) {
  const [leaf, ...sent] = certificates(file);
  return verifyChain({ leaf: leaf!, sent: [leaf!, ...extra, ...sent], authorities, time });
}

describe('a chain is believed', () => {
  it('that the pinned authority has signed, at any time after the floor', () => {
    expect(verify('good')).toBeUndefined();
    expect(verify('good', at(1990))).toBeUndefined();
    expect(verify('good', at(2027, true))).toBeUndefined();
  });

  it('with an authority in between, whatever else is sent, and in whatever order', () => {
    const noise = [...certificates('good'), ...certificates('other-authority'), ...certificates('by-not-ca')];
    expect(verify('by-intermediate', at(2027), [authority!], noise)).toBeUndefined();
  });

  it('that is pinned itself', () => {
    expect(verify('self-signed', at(2027), certificates('self-signed'))).toBeUndefined();
    expect(verify('self-signed', at(2060), certificates('self-signed'))).toMatch(/expired/);
  });

  it('that begins after the floor, because it may be later: only a known time says that it is too early', () => {
    expect(verify('not-yet', at(2027))).toBeUndefined();
    expect(verify('not-yet', at(2027, true))).toMatch(/not valid before/);
  });

  it('by one of several authorities', () => {
    const both = [...certificates('other-authority'), authority!, ...certificates('flat-authority')];
    expect(verify('good', at(2027), both)).toBeUndefined();
    expect(verify('by-other', at(2027), both)).toBeUndefined();
  });
});

describe('a chain is refused', () => {
  it.each([
    ['by-other', /no pinned authority/],
    ['self-signed', /no pinned authority/],
    ['by-intermediate-missing', /no pinned authority/],
    ['by-pretender', /may not sign certificates/],
    ['by-not-ca', /may not sign certificates/],
    ['by-no-signing', /no pinned authority|may not sign/],
    ['for-clients', /not for servers/],
    ['sha1', /weak signature/],
    ['weak-key', /weak key/],
    ['critical', /asks for 2\.5\.29\.30/],
    ['expired', /expired at/],
    ['never-together', /expired before another|had expired/],
  ])('%s', (file, reason) => {
    expect(verify(file)).toMatch(reason);
  });

  it('whose authority expired before the floor', () => {
    const aged = certificates('aged-authority');
    expect(verify('by-aged', at(2015), aged)).toMatch(/had expired before another/);
    expect(verify('by-aged', at(2027), aged)).toMatch(/expired at/);
  });

  it('that is longer than an authority allows', () => {
    expect(verify('by-too-deep', at(2027), certificates('flat-authority'))).toMatch(/so far down/);
  });

  it('though the authority itself was sent along with it', () => {
    expect(verify('by-other', at(2027), [authority!], certificates('other-authority'))).toMatch(/no pinned authority/);
    expect(verify('good', at(2027), [], [authority!])).toMatch(/no pinned authority/);
  });
});

it('reads what Node does not show of a certificate', () => {
  expect(certificateParts(authority!)).toEqual({
    signatureAlgorithm: '1.2.840.10045.4.3.2',
    critical: ['2.5.29.19', '2.5.29.15'],
    pathLength: undefined,
  });
  expect(certificateParts(certificates('flat-authority')[0]!).pathLength).toBe(0);
  expect(certificateParts(certificates('sha1')[0]!).signatureAlgorithm).toBe('1.2.840.10045.4.1');
  expect(() => certificateParts({ raw: authority!.raw.subarray(0, 50) } as X509Certificate)).toThrow(RangeError);
});

it('believes no certificate in which a byte was changed', () => {
  const { raw } = certificates('good')[0]!;
  const place = fc.nat(raw.length - 1);
  fc.assert(
    fc.property(place, fc.integer({ min: 1, max: 255 }), (at, change) => {
      const bytes = Buffer.from(raw);
      bytes[at]! ^= change;
      const leaf = parsed(bytes);
      if (leaf)
        expect(verifyChain({ leaf, sent: [leaf], authorities: [authority!], time: at2027 })).toBeTypeOf('string');
    }),
    { numRuns: 600 },
  );
});

const at2027 = at(2027);

function parsed(bytes: Buffer): X509Certificate | undefined {
  try {
    return new X509Certificate(bytes);
  } catch {
    return undefined;
  }
}
