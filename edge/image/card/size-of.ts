import { fstatSync, readSync } from 'node:fs';
import { sectorBytes } from '../disk/sector.js';

/** Of an open file or block device, which has no size of its own: the end is where nothing can be read any more. */
export function openSizeBytes(fd: number): number {
  const info = fstatSync(fd);
  if (!info.isBlockDevice()) return info.size;
  const sector = Buffer.alloc(sectorBytes);
  const isThere = (index: number): boolean => readSync(fd, sector, 0, sectorBytes, index * sectorBytes) === sectorBytes;
  let beyond = 1;
  while (beyond < 2 ** 43 && isThere(beyond)) beyond *= 2;
  let last = 0;
  while (beyond - last > 1) {
    const middle = Math.floor((last + beyond) / 2);
    if (isThere(middle)) last = middle;
    else beyond = middle;
  }
  return beyond * sectorBytes;
}
