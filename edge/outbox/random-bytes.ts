/** `size` random bytes, such as `randomBytes` of node:crypto. */
export type RandomBytes = (size: number) => Uint8Array;

/** `size` random bytes in hex. */
export function randomHex(random: RandomBytes, size: number): string {
  return Buffer.from(random(size)).toString('hex');
}

/** A number in [0, 1) from 32 random bits. */
export function randomFraction(random: RandomBytes): number {
  return Buffer.from(random(4)).readUInt32BE() / 2 ** 32;
}
