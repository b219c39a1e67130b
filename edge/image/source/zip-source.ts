import yauzl, { type Entry } from 'yauzl';
import { messageOf, RejectedError } from '#core/runtime/errors.js';
import type { FileRange } from './file-range.js';

/** The image inside a zip. */
export interface ZipMember {
  readonly range: FileRange;
  readonly isDeflated: boolean;
  readonly crc: number;
  readonly imageBytes: number;
}

const stored = 0;
const deflated = 8;
/** An image comes with a few notes at most. */
const maxMembers = 1000;

/** Finds the one image in a zip, zip64 included. Throws RejectedError `refused` (says what is in it) or `corrupt`. */
export async function inspectZip(path: string, wanted: string | undefined): Promise<ZipMember> {
  try {
    const zip = await yauzl.openPromise(path, { autoClose: false });
    try {
      if (zip.entryCount > maxMembers)
        throw refused(path, `holds ${zip.entryCount} files; an image comes with a few at most`);
      const entries: Entry[] = [];
      for await (const entry of zip.eachEntry()) entries.push(entry);
      const entry = chosen(path, entries, wanted);
      const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
      return member(path, entry, fileDataStart);
    } finally {
      zip.close();
    }
  } catch (error) {
    if (error instanceof RejectedError) throw error;
    throw new RejectedError('corrupt', `${path} is damaged or cut short: ${messageOf(error)}`, { cause: error });
  }
}

function member(path: string, entry: Entry, startBytes: number): ZipMember {
  const { compressedSize, uncompressedSize, compressionMethod } = entry;
  if (entry.isEncrypted()) throw refused(path, `is encrypted: ${entry.fileName} cannot be read without its password`);
  if (compressionMethod !== stored && compressionMethod !== deflated) {
    throw refused(
      path,
      `packs ${entry.fileName} by method ${compressionMethod}, which is not known here: unpack it first`,
    );
  }
  const range = { path, startBytes, endBytes: startBytes + compressedSize };
  return { range, isDeflated: compressionMethod === deflated, crc: entry.crc32, imageBytes: uncompressedSize };
}

function chosen(path: string, entries: readonly Entry[], wanted: string | undefined): Entry {
  const names = entries.map(({ fileName }) => fileName).filter((name) => !name.endsWith('/'));
  const isWanted = (name: string): boolean =>
    wanted === undefined ? isImage(name) : name === wanted || name.endsWith(`/${wanted}`);
  const matching = entries.filter(({ fileName }) => isWanted(fileName));
  if (matching.length === 1) return matching[0]!;
  const listed =
    names.length === 0 ? 'nothing' : names.slice(0, 12).join(', ') + (names.length > 12 ? ' and more' : '');
  if (wanted !== undefined) throw refused(path, `holds ${matching.length} files named ${wanted}; it holds ${listed}`);
  if (matching.length === 0) throw refused(path, `holds no .img; it holds ${listed}`);
  throw refused(
    path,
    `holds ${matching.length} images (${matching.map(({ fileName }) => fileName).join(', ')}): say which one is meant`,
  );
}

/** macOS puts a shadow of each file beside it. */
function isImage(name: string): boolean {
  return /\.img$/i.test(name) && !/(^|\/)(__MACOSX\/|\.)/.test(name);
}

function refused(path: string, why: string): RejectedError {
  return new RejectedError('refused', `${path} ${why}`);
}
