import { hash } from 'node:crypto';
import { stretchBytes } from './stretch.js';

const blockBytes = 4096;
const hashBytes = 32;
/** How many bytes of hashes a stretch has, in the level above those of its blocks. */
const fullBytes = (stretchBytes / blockBytes / (blockBytes / hashBytes)) * hashBytes;
const zeros = Buffer.alloc(blockBytes);
/** A hash as a string of a character for each byte: thousands of small buffers would cost more than the hashing. */
const zeroHash = hash('sha256', zeros, 'binary');

/**
 * What a stretch adds to the digest of its file: the hashes of its blocks, hashed once more. Only these have to be made anew
 * when a stretch changes, and those of nothing but zeros are known.
 */
export function hashesOf(stretch: Uint8Array): Buffer {
  const bytes = Buffer.from(stretch.buffer, stretch.byteOffset, stretch.byteLength);
  const blocks = Math.ceil(bytes.length / blockBytes);
  const hashes = Buffer.alloc(blocks * hashBytes);
  for (let block = 0; block < blocks; block++) {
    hashes.write(hashOfBlock(bytes, block * blockBytes), block * hashBytes, 'latin1');
  }
  return levelAbove(hashes);
}

/** Those of a stretch of zeros. */
export function zeroHashes(bytes: number): Buffer {
  return levelAbove(Buffer.from(zeroHash.repeat(Math.ceil(bytes / blockBytes)), 'latin1'));
}

/**
 * The digest that fs-verity has for a file of more than one block (SHA-256, blocks of 4,096 bytes, no salt), as `fsverity
 * digest` prints it. It is the root of a tree of hashes, so that what did not change need not be hashed again. `hashes` are those
 * of its stretches by their index; one that is missing holds zeros.
 */
export function fileDigest(fileBytes: number, hashes: ReadonlyMap<number, Buffer>): string {
  const full = zeroHashes(stretchBytes);
  const count = Math.ceil(fileBytes / stretchBytes);
  let level: Buffer = Buffer.alloc((count - 1) * fullBytes);
  for (let index = 0; index < count - 1; index++) (hashes.get(index) ?? full).copy(level, index * fullBytes);
  const last = hashes.get(count - 1) ?? zeroHashes(fileBytes - (count - 1) * stretchBytes);
  level = Buffer.concat([level, last]);
  while (level.length > hashBytes) level = levelAbove(level);
  return `sha256:${hash('sha256', descriptor(fileBytes, level))}`;
}

function hashOfBlock(bytes: Buffer, at: number): string {
  const block = bytes.subarray(at, at + blockBytes);
  if (block.length < blockBytes) return hash('sha256', padded(block), 'binary');
  // The first byte tells it of most, without a call.
  return block[0] === 0 && block.equals(zeros) ? zeroHash : hash('sha256', block, 'binary');
}

/** Hashes block by block; the last one is filled up with zeros. */
function levelAbove(bytes: Buffer): Buffer {
  let hashes = '';
  for (let at = 0; at < bytes.length; at += blockBytes) {
    hashes += hash('sha256', padded(bytes.subarray(at, at + blockBytes)), 'binary');
  }
  return Buffer.from(hashes, 'latin1');
}

function padded(block: Buffer): Buffer {
  return block.length === blockBytes ? block : Buffer.concat([block], blockBytes);
}

/** [fs-verity, struct fsverity_descriptor], without a salt or a signature. */
function descriptor(fileBytes: number, rootHash: Buffer): Buffer {
  const bytes = Buffer.alloc(256);
  bytes[0] = 1;
  // SHA-256, and the logarithm of the size of a block.
  bytes[1] = 1;
  bytes[2] = Math.log2(blockBytes);
  bytes.writeBigUInt64LE(BigInt(fileBytes), 8);
  rootHash.copy(bytes, 16);
  return bytes;
}
