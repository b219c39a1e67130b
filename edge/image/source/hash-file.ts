import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { rangeChunks } from './file-range.js';
import type { ReadOptions } from './image-source.js';

/** sha256 of a whole file, hexadecimal. */
export async function hashFile(path: string, options: ReadOptions = {}): Promise<string> {
  const hash = createHash('sha256');
  const range = { path, startBytes: 0, endBytes: (await stat(path)).size };
  for await (const chunk of rangeChunks(range, options)) hash.update(chunk);
  return hash.digest('hex');
}
