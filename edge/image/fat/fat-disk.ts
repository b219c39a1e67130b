import { RES_ERROR, RES_OK, RES_PARERR, RES_WRPRT, STA_PROTECT, type DiskIO, type FatFs } from 'js-fatfs';
import { CTRL_SYNC, GET_BLOCK_SIZE, GET_SECTOR_COUNT, GET_SECTOR_SIZE } from 'js-fatfs';
import type { Blocks } from '../disk/blocks.js';
import { sectorBytes } from '../disk/sector.js';
import type { FatGeometry } from './fat-geometry.js';

/** A partition as FatFs wants it. An error of the disk cannot pass through WebAssembly: it is kept here for the caller. */
export interface FatDisk extends DiskIO {
  /** The error since the last call, if any. */
  takeError(): unknown;
}

export function fatDisk(blocks: Blocks, { infoSector }: FatGeometry, writable: boolean): FatDisk {
  let failure: unknown;
  const attempt = (action: () => void): number => {
    try {
      action();
      return RES_OK;
    } catch (error) {
      failure ??= error;
      return RES_ERROR;
    }
  };
  return {
    initialize: () => (writable ? 0 : STA_PROTECT),
    status: () => (writable ? 0 : STA_PROTECT),
    // Called for each cluster that is read, so without a function of its own.
    read: (ff: FatFs, _drive, at, sector, count) => {
      try {
        const into = ff.HEAPU8.subarray(at, at + count * sectorBytes);
        blocks.read((sector >>> 0) * sectorBytes, into);
        if (sector === infoSector) forgetFreeCount(into);
        return RES_OK;
      } catch (error) {
        failure ??= error;
        return RES_ERROR;
      }
    },
    write: (ff: FatFs, _drive, at, sector, count) =>
      writable
        ? attempt(() => blocks.write((sector >>> 0) * sectorBytes, ff.HEAPU8.subarray(at, at + count * sectorBytes)))
        : RES_WRPRT,
    ioctl: (ff: FatFs, _drive, command, at) => answer(ff, blocks, command, at),
    takeError: () => {
      const error = failure;
      failure = undefined;
      return error;
    },
  };
}

/** FAT32's count of free clusters is advice; without one FatFs counts by itself, and writes down what it found. */
function forgetFreeCount(infoSector: Uint8Array): void {
  infoSector.fill(0xff, 488, 492);
}

function answer(ff: FatFs, blocks: Blocks, command: number, at: number): number {
  if (command === CTRL_SYNC)
    return RES_OK; // The caller syncs once, when everything is written.
  else if (command === GET_SECTOR_COUNT) ff.setValue(at, Math.floor(blocks.sizeBytes / sectorBytes), 'i32');
  else if (command === GET_SECTOR_SIZE) ff.setValue(at, sectorBytes, 'i16');
  else if (command === GET_BLOCK_SIZE) ff.setValue(at, 1, 'i32');
  else return RES_PARERR;
  return RES_OK;
}
