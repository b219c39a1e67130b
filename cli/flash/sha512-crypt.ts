import { createHash } from 'node:crypto';

/** The rounds of a hash that names none. */
const rounds = 5000;
const alphabet = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/**
 * The hash of a password as crypt(3) and /etc/shadow know it: `$6$<salt>$<86 characters>`. Node has none; the steps are
 * those of "Unix crypt using SHA-256 and SHA-512", U. Drepper, 2008.
 */
export function sha512Crypt(password: string, salt: string): string {
  const key = Buffer.from(password, 'utf8');
  const seasoning = Buffer.from(salt, 'latin1').subarray(0, 16);
  const first = firstDigest(key, seasoning);
  const keyBytes = repeated(sha512(...Array<Buffer>(key.length).fill(key)), key.length);
  const saltBytes = repeated(sha512(...Array<Buffer>(16 + first[0]!).fill(seasoning)), seasoning.length);
  let digest = first;
  for (let round = 0; round < rounds; round += 1) {
    const isOdd = round % 2 === 1;
    digest = sha512(
      isOdd ? keyBytes : digest,
      ...(round % 3 === 0 ? [] : [saltBytes]),
      ...(round % 7 === 0 ? [] : [keyBytes]),
      isOdd ? digest : keyBytes,
    );
  }
  return `$6$${seasoning.toString('latin1')}$${encoded(digest)}`;
}

function firstDigest(key: Buffer, salt: Buffer): Buffer {
  const both = sha512(key, salt, key);
  const parts = [key, salt, repeated(both, key.length)];
  for (let length = key.length; length > 0; length >>= 1) parts.push(length % 2 === 1 ? both : key);
  return sha512(...parts);
}

function sha512(...parts: Buffer[]): Buffer {
  const hash = createHash('sha512');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

function repeated(digest: Buffer, length: number): Buffer {
  return Buffer.alloc(length, digest);
}

/** Three bytes at a time, 21 apart, each time in another order; the last stands alone. */
function encoded(digest: Buffer): string {
  let text = '';
  for (let i = 0; i < 21; i += 1) {
    const three = [i, i + 21, i + 42];
    const [a, b, c] = [three[i % 3]!, three[(i + 1) % 3]!, three[(i + 2) % 3]!];
    text += characters((digest[a]! << 16) | (digest[b]! << 8) | digest[c]!, 4);
  }
  return text + characters(digest[63]!, 2);
}

function characters(value: number, count: number): string {
  return Array.from({ length: count }, (_, i) => alphabet[(value >> (6 * i)) & 0x3f]).join('');
}
