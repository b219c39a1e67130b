import { randomBytes, scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import type { ScryptHash } from '#core/contract/credentials.js';

const derive = promisify(scrypt) as unknown as (
  password: string,
  salt: Uint8Array,
  length: number,
  options: { N: number; r: number; p: number; maxmem: number },
) => Promise<Buffer>;

/**
 * What a new token is hashed with. It has 256 random bits, so nobody finds it by trying whatever a try costs; a few
 * milliseconds let a gateway that just started check thousands of devices within seconds.
 */
const cost = { N: 4096, r: 1, p: 1 } as const;
const hashBytes = 32;
const maxmem = 32 * 1024 * 1024;

export async function hashToken(token: string): Promise<ScryptHash> {
  const salt = randomBytes(16);
  const hash = await derive(token, salt, hashBytes, { ...cost, maxmem });
  return { ...cost, salt: salt.toString('base64url'), hash: hash.toString('base64url') };
}

/** What the token must hash to for this record. */
export function hashLike(token: string, { salt, N, r, p }: ScryptHash): Promise<Buffer> {
  return derive(token, Buffer.from(salt, 'base64url'), hashBytes, { N, r, p, maxmem });
}
