import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ReleaseArch } from '#core/contract/release.js';
import type { PartFile } from './archive.js';
import { packageJson } from './checkout.js';
import { nativeModules, prebuiltFile, type NativeModule } from './native-modules.js';
import { bundledPackages, thirdPartyNotices, type BundledPackage } from './packages.js';
import { sbomOf, type RuntimeFacts } from './sbom.js';

/** The agent as one file, the same for every board. */
export interface BundledAgent {
  readonly root: string;
  readonly code: Uint8Array;
  readonly packages: readonly BundledPackage[];
  readonly natives: readonly NativeModule[];
}

/** What the code of CommonJS packages takes for granted, and a module of its own has to make. */
const banner = `import { createRequire as requireMaker } from 'node:module';
import { fileURLToPath as pathOfUrl } from 'node:url';
const require = requireMaker(import.meta.url);
const __dirname = pathOfUrl(new URL('.', import.meta.url));`;

/** Files that are in the agent's folder as they are. */
const assets: readonly { readonly path: string; readonly from: string; readonly executable?: boolean }[] = [
  { path: 'guard.sh', from: 'edge/upgrade/guard.sh', executable: true },
  { path: 'LICENSE', from: 'LICENSE' },
];

/** Bundles the agent of the checkout at `root`, from its sources where they are there. Paths of this machine are not in it. */
export async function bundleAgent(root: string): Promise<BundledAgent> {
  const { build } = await import('esbuild');
  const source = join(root, 'edge/device/agent.ts');
  const natives = new Map<string, NativeModule>();
  const { outputFiles, metafile } = await build({
    entryPoints: [existsSync(source) ? source : join(root, 'dist/edge/device/agent.js')],
    absWorkingDir: root,
    ...{ bundle: true, write: false, metafile: true, outfile: 'agent.mjs' },
    ...{ platform: 'node', target: 'node20', format: 'esm' },
    // Not minified: it saves 100 kB of the archive, and costs the stack traces in a log from afar.
    ...{ legalComments: 'none', charset: 'utf8' },
    ...(existsSync(source) && { conditions: ['source'] }),
    plugins: [nativeModules(natives)],
    banner: { js: banner },
    logLevel: 'silent',
  });
  return {
    root,
    code: outputFiles[0]!.contents,
    packages: bundledPackages(root, Object.keys(metafile.inputs)),
    natives: [...natives.values()],
  };
}

/** The files of the `app` part for one board. */
export async function appFiles(
  agent: BundledAgent,
  arch: ReleaseArch,
  runtime: RuntimeFacts | undefined,
): Promise<PartFile[]> {
  const { root, code, packages, natives } = agent;
  const { version = '0.0.0', license } = packageJson(root) ?? {};
  const agentSha256 = createHash('sha256').update(code).digest('hex');
  const sbom = sbomOf({ packages, version, licence: String(license), agentSha256, runtime });
  return [
    { path: 'agent.mjs', bytes: code },
    { path: 'sbom.json', bytes: Buffer.from(`${JSON.stringify(sbom, null, 1)}\n`) },
    { path: 'THIRD-PARTY-LICENSES', bytes: Buffer.from(thirdPartyNotices(packages)) },
    ...(await Promise.all(
      natives.map(async (native) => ({ path: native.file, bytes: await readFile(prebuiltFile(native, arch)) })),
    )),
    ...(await Promise.all(
      assets.map(async ({ from, ...asset }) => ({ ...asset, bytes: await readFile(join(root, from)) })),
    )),
  ];
}
