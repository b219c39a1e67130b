import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Plugin } from 'esbuild';
import type { ReleaseArch } from '#core/contract/release.js';
import { FatalError } from '#core/runtime/errors.js';
import { packageJson } from './checkout.js';

/** A native module that the agent imports. */
export interface NativeModule {
  readonly name: string;
  /** Its package's folder. */
  readonly folder: string;
  /** Where the bundle looks for its binary, relative to itself. */
  readonly file: string;
}

/**
 * In the bundle, each module that asks `node-gyp-build` for its binary gets the one file `prebuilds/<name>.node` beside the
 * bundle instead of a search through folders. Those that were found are added to `found`.
 */
export function nativeModules(found: Map<string, NativeModule>): Plugin {
  return {
    name: 'native-modules',
    setup(build) {
      build.onResolve({ filter: /^node-gyp-build$/ }, ({ importer }) => {
        const native = moduleOf(importer);
        found.set(native.name, native);
        return { path: native.name, namespace: 'native' };
      });
      // The path is put together so that esbuild leaves it for run time.
      build.onLoad({ filter: /.*/, namespace: 'native' }, ({ path }) => ({
        contents: `module.exports = () => require(${JSON.stringify(`./${found.get(path)!.file}`)});`,
        loader: 'js',
      }));
      build.onResolve({ filter: /^\.\/prebuilds\/.*\.node$/ }, ({ path }) => ({ path, external: true }));
    },
  };
}

function moduleOf(importer: string): NativeModule {
  let folder = dirname(importer);
  while (packageJson(folder)?.name === undefined) folder = dirname(folder);
  const name = packageJson(folder)!.name!;
  return { name, folder, file: `prebuilds/${name.replace('@', '').replace('/', '+')}.node` };
}

/** Folder of the prebuilt binaries, and the tags of the one to take, the best first. */
const prebuilt: Record<ReleaseArch, { folder: string; tags: readonly string[] }> = {
  arm64: { folder: 'linux-arm64', tags: ['.armv8.glibc', '.armv8', '.glibc', ''] },
  armv7l: { folder: 'linux-arm', tags: ['.armv7.glibc', '.armv7'] },
  x64: { folder: 'linux-x64', tags: ['.glibc', ''] },
};

/** The binary of a native module for a board with glibc. Throws FatalError `bad-config` if the package has none. */
export function prebuiltFile({ name, folder }: NativeModule, arch: ReleaseArch): string {
  const { folder: platform, tags } = prebuilt[arch];
  const stem = name.replace('/', '+');
  const files = tags.map((tag) => join(folder, 'prebuilds', platform, `${stem}${tag}.node`));
  const file = files.find((path) => existsSync(path));
  if (file !== undefined) return file;
  throw new FatalError('bad-config', `${name} in ${folder} has no prebuilt binary for ${platform}: run npm ci again`);
}
