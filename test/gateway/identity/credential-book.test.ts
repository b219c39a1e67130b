import { describe, expect, it } from 'vitest';
import {
  credentialKey,
  parseCredentialKey,
  tokenId,
  tokenOf,
  wholeId,
  type Credential,
} from '../../../core/contract/credentials.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import { CredentialBook } from '../../../gateway/identity/credential-book.js';
import type { Proof } from '../../../gateway/identity/proof.js';

const press = 'plant1/press-07';
const id = '0123456789ab';
const fingerprint = 'ab'.repeat(32);
const scrypt = { N: 4096, r: 1, p: 1, salt: 'A'.repeat(22), hash: 'B'.repeat(43) };
const token = (createdUs: number): Credential => ({ type: 'token', scrypt, createdUs });
const revoked = (revokedUs: number): Credential => ({ type: 'revoked', revokedUs });
const derived: Proof = { by: 'derived-token' };
const byToken: Proof = { by: 'token', id };
const certificate = (issuedUs: number): Proof => ({ by: 'certificate', fingerprint, issuedUs, expiresUs: 1e18 });

function open() {
  const book = new CredentialBook(silentLogger);
  const say = (credential: unknown, name: string = id, owner = press) => {
    const text = credential === undefined ? '' : JSON.stringify(credential);
    book.learn({ key: credentialKey(owner, name), value: Buffer.from(text) });
  };
  return { book, say };
}

describe('the book of credentials', () => {
  it('knows nothing: the derived token and any certificate of the authority are good', () => {
    const { book } = open();
    expect(book.knows(press)).toBe(false);
    expect(
      [derived, byToken, certificate(1), { by: 'word' } as const].map((proof) => book.allows(press, proof)),
    ).toEqual([true, false, true, true]);
  });

  it('a token takes the place of the derived one, which may finish what it began', () => {
    const { book, say } = open();
    say(token(5));
    expect(book.token(press, id)).toMatchObject({ createdUs: 5 });
    expect([book.allows(press, byToken), book.allows(press, derived), book.allowsOn(press, derived)]).toEqual([
      true,
      false,
      true,
    ]);
    expect(book.allows('plant1/oven-02', byToken)).toBe(false);
    expect(book.allows('plant1/oven-02', derived)).toBe(true);
  });

  it('one token is revoked, and the others are not', () => {
    const { book, say } = open();
    say(token(5));
    say(token(6), 'ffffffffffff');
    say(revoked(7));
    expect(book.allows(press, byToken)).toBe(false);
    expect(book.allows(press, { by: 'token', id: 'ffffffffffff' })).toBe(true);
  });

  it('all is revoked that was made until then, in whichever order the records come', () => {
    for (const order of [0, 1]) {
      const { book, say } = open();
      const records = [() => say(token(5)), () => say(revoked(10), wholeId)];
      for (const record of order === 0 ? records : records.reverse()) record();
      say(token(11), 'ffffffffffff');
      const proofs = [byToken, derived, certificate(9), certificate(10), { by: 'word' } as const];
      expect(proofs.map((proof) => book.allows(press, proof))).toEqual([false, false, false, false, false]);
      expect(book.allowsOn(press, derived)).toBe(false);
      expect(book.allows(press, certificate(11))).toBe(true);
      expect(book.allows(press, { by: 'token', id: 'ffffffffffff' })).toBe(true);
    }
  });

  it('a certificate is revoked by its fingerprint, and one that is only known is good', () => {
    const { book, say } = open();
    say({ type: 'certificate', serial: '01', expiresUs: 9, createdUs: 1 }, fingerprint);
    expect(book.allows(press, certificate(1))).toBe(true);
    expect(book.allows(press, derived)).toBe(false);
    say(revoked(3), fingerprint);
    expect(book.allows(press, certificate(1))).toBe(false);
  });

  it('a record that is taken back is as if it had not been', () => {
    const { book, say } = open();
    say(token(5));
    say(undefined);
    expect(book.knows(press)).toBe(false);
    expect(book.allows(press, derived)).toBe(true);
  });

  it.each([
    ['no JSON', '{'],
    ['another type', { type: 'passkey' }],
    ['a cost beyond all measure', { ...token(5), scrypt: { ...scrypt, N: 2 ** 30 } }],
    ['a cost that takes too much memory', { ...token(5), scrypt: { ...scrypt, N: 65_536, r: 16 } }],
    ['no cost at all', { ...token(5), scrypt: { ...scrypt, N: 1 } }],
    ['a cost that is no power of two', { ...token(5), scrypt: { ...scrypt, N: 5000 } }],
    ['a negative block', { ...token(5), scrypt: { ...scrypt, r: -1 } }],
    ['a short hash', { ...token(5), scrypt: { ...scrypt, hash: 'AAAA' } }],
    ['an empty salt', { ...token(5), scrypt: { ...scrypt, salt: '' } }],
  ])('does not believe a record with %s, nor the derived token beside it', (_name, record) => {
    const { book } = open();
    const text = typeof record === 'string' ? record : JSON.stringify(record);
    book.learn({ key: credentialKey(press, id), value: Buffer.from(text) });
    expect([book.token(press, id), book.allows(press, byToken), book.allows(press, derived)]).toEqual([
      undefined,
      false,
      false,
    ]);
    book.learn({ key: credentialKey(press, wholeId), value: Buffer.from(text) });
    expect(book.allows(press, certificate(Number.MAX_SAFE_INTEGER))).toBe(false);
  });

  it('tells whose credentials changed, and leaves other records alone', () => {
    const { book, say } = open();
    const heard: string[] = [];
    book.onChange((owner) => heard.push(owner));
    say(token(1));
    say(token(1), id, 'telegraf-1');
    book.learn({ key: 'plant1/press-07/birth/current', value: Buffer.from('{}') });
    expect(heard).toEqual([press, 'telegraf-1']);
  });
});

describe('keys and tokens', () => {
  it('a key tells owner and id, and nothing else is one', () => {
    for (const owner of [press, 'telegraf-1']) {
      expect(parseCredentialKey(credentialKey(owner, id))).toEqual({ owner, id });
    }
    expect(credentialKey('telegraf-1', id)).toBe(`_clients/telegraf-1/credential/${id}`);
    const others = [
      'plant1/press-07/birth/current',
      `plant1/press-07/credential/x`,
      `a/b/credential/${id}/c`,
      `_x/b/credential/${id}`,
    ];
    expect(others.map(parseCredentialKey)).toEqual([undefined, undefined, undefined, undefined]);
  });

  it('a token carries its id', () => {
    const text = tokenOf(id, Buffer.alloc(32, 7));
    expect(tokenId(text)).toBe(id);
    expect([text.slice(0, -1), `${text}x`, text.replace('flt', 'FLT'), ''].map(tokenId)).toEqual(
      Array(4).fill(undefined),
    );
  });
});

describe('an enrolment token in the book', () => {
  const bound = (us: number, spki = 'a', of = fingerprint) => ({
    ...{ us, spki: spki.repeat(64), fingerprint: of },
    ...{ serial: '01', expiresUs: 1e15, pem: 'PEM' },
  });
  const enrolment = (over: object = {}) => ({ type: 'enrolment', scrypt, createdUs: 10, expiresUs: 1000, ...over });

  it('alone changes nothing for the device', () => {
    const { book, say } = open();
    say(enrolment());
    expect([book.knows(press), book.allows(press, derived)]).toEqual([false, true]);
    expect(book.allows(press, { by: 'enrolment', id })).toBe(true);
    expect(book.token(press, id)).toBeUndefined();
  });

  it('stays with the first key, used or revoked, whatever is said later and how often it is read again', () => {
    const { book, say } = open();
    const told = [
      enrolment(),
      enrolment({ bound: bound(20) }),
      enrolment({ bound: bound(21, 'b', 'cd'.repeat(32)) }),
      enrolment({ bound: bound(20), usedUs: 30 }),
      enrolment({ bound: bound(20), revokedUs: 40 }),
      enrolment(),
    ];
    for (const record of [...told, ...told]) say(record);
    expect(book.enrolment(press, id)).toMatchObject({
      bound: { us: 20, spki: 'a'.repeat(64) },
      usedUs: 30,
      revokedUs: 40,
    });
    say(revoked(50));
    say(enrolment());
    expect(book.enrolment(press, id)).toBeUndefined();
  });

  it('its certificate counts as made when it was bound, whenever it begins', () => {
    const { book, say } = open();
    say(revoked(15), wholeId);
    expect(book.allows(press, certificate(5))).toBe(false);
    say(enrolment({ bound: bound(20) }));
    expect(book.allows(press, certificate(5))).toBe(true);
    say(revoked(19), wholeId);
    expect(book.allows(press, certificate(5))).toBe(true);
    say(revoked(20), wholeId);
    expect(book.allows(press, certificate(5))).toBe(false);
  });

  it('revoked, takes its certificate with it', () => {
    const { book, say } = open();
    say(enrolment({ bound: bound(20) }));
    say(enrolment({ bound: bound(20), revokedUs: 30 }));
    expect(book.allows(press, certificate(20))).toBe(false);
    expect(book.certificateEndsUs(press)).toBeUndefined();
  });

  it('tells stamps after all of its own', () => {
    const { book, say } = open();
    say(enrolment({ bound: bound(20), revokedUs: 30 }));
    expect([book.afterAll(press, 5), book.afterAll(press, 100)]).toEqual([31, 100]);
  });
});
