import { RejectedError } from '#core/runtime/errors.js';

const forbidden = /[\u0000-\u001f\u007f"*:<>?|\\]/;

/**
 * The names of a path with `/`. Throws RejectedError `refused` for one that a FAT cannot hold as it is written, or that
 * leads out of the folder.
 */
export function fatNames(path: string): readonly string[] {
  const names = path.replace(/^\//, '').split('/');
  for (const name of names) {
    const cannotBe = name === '' || forbidden.test(name) || /[. ]$/.test(name) || name.startsWith(' ');
    if (cannotBe || name.length > 255) throw new RejectedError('refused', `a FAT has no file named '${path}'`);
  }
  if (path.length > 1000) throw new RejectedError('refused', `the path is too long for a FAT: ${path.slice(0, 60)}…`);
  return names;
}
