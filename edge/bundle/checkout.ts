import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FatalError } from '#core/runtime/errors.js';

/** The folder of Fieldline's package.json: above this file, compiled or not. */
export function checkoutRoot(start: string = dirname(fileURLToPath(import.meta.url))): string {
  for (let folder = start; folder !== dirname(folder); folder = dirname(folder)) {
    if (packageJson(folder)?.name === 'fieldline') return folder;
  }
  throw new FatalError('bad-config', `no Fieldline checkout above ${start}: a release is built from one`);
}

export interface PackageJson {
  readonly name?: string;
  readonly version?: string;
  readonly license?: string | { readonly type?: string };
}

/** undefined if there is none in the folder. */
export function packageJson(folder: string): PackageJson | undefined {
  const file = join(folder, 'package.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as PackageJson) : undefined;
}
