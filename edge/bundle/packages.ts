import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageJson } from './checkout.js';

/** An npm package of which code is in the bundle. */
export interface BundledPackage {
  readonly name: string;
  readonly version: string;
  /** As its package.json says it: an SPDX expression, mostly. */
  readonly licence: string;
  /** sha512 of its tarball in hex, from the lock file; undefined where that does not say it. */
  readonly sha512: string | undefined;
  /** The texts of its licence and notices. */
  readonly texts: readonly string[];
}

/** The packages that these files belong to, by name and version. Paths are relative to the root and have `/`. */
export function bundledPackages(root: string, files: readonly string[]): BundledPackage[] {
  const folders = new Set(files.flatMap((file) => packageFolder(file) ?? []));
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Lock;
  const packages = [...folders].map((folder) => bundledPackage(root, folder, lock));
  const byName = new Map(packages.map((found) => [`${found.name}@${found.version}`, found]));
  return [...byName.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, found]) => found);
}

interface Lock {
  readonly packages?: Readonly<Record<string, { readonly integrity?: string }>>;
}

function bundledPackage(root: string, folder: string, lock: Lock): BundledPackage {
  const { name = folder, version = '0.0.0', license } = packageJson(join(root, folder)) ?? {};
  const integrity = lock.packages?.[folder]?.integrity;
  return {
    ...{ name, version },
    licence: (typeof license === 'string' ? license : license?.type) ?? 'NOASSERTION',
    sha512: integrity?.startsWith('sha512-') ? Buffer.from(integrity.slice(7), 'base64').toString('hex') : undefined,
    texts: licenceTexts(join(root, folder)),
  };
}

/** `node_modules/a/node_modules/@b/c/lib/d.js` is of `node_modules/a/node_modules/@b/c`; undefined for a file of ours. */
function packageFolder(file: string): string | undefined {
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0];
}

function licenceTexts(folder: string): string[] {
  const names = readdirSync(folder).filter((name) => /^(licen[cs]e|copying|notice)/i.test(name));
  return names.sort().map((name) => readFileSync(join(folder, name), 'utf8').trim());
}

/** Whose code is in the bundle, and what they ask to be said. */
export function thirdPartyNotices(packages: readonly BundledPackage[]): string {
  const rule = '-'.repeat(80);
  const about = ({ name, version, licence, texts }: BundledPackage) =>
    [rule, `${name} ${version}: ${licence}`, ...texts].join('\n\n');
  return `This program contains code of these packages.\n\n${packages.map(about).join('\n\n')}\n`;
}
