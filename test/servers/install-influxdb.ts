import { createHash } from 'node:crypto';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cached, type Progress } from './cache.js';
import type { Installed } from './ensure.js';
import { MissingServerError } from './missing-server.js';
import { findProgram, runCommand } from './run-command.js';

const limitMs = 45 * 60_000;
const pkgConfig = 'github.com/influxdata/pkg-config@v0.2.14';
const needed = {
  go: 'Go 1.23 or newer, https://go.dev/dl',
  cargo: 'Rust, https://rustup.rs',
  cc: 'a C compiler, apt-get install gcc',
};

/** Builds the InfluxDB 2 server from its Go module: minutes of work, once; `path` is the `influxd` program. */
export async function installInfluxdb(progress: Progress): Promise<Installed> {
  const sources = moduleFolder();
  const version = requiredVersion(sources);
  const folder = await cached(`influxd-${version}-${digest(sources)}`, limitMs, progress, async (partial) => {
    requireTools();
    progress(`influxdb ${version}: building from its Go module, two to ten minutes, once`);
    await build(sources, partial, version, progress).catch((cause: unknown) => {
      throw new MissingServerError('influxdb', 'the build failed', 'see the reason; needs Go, Rust, cc', cause);
    });
  });
  return { path: join(folder, 'influxd'), version, env: {} };
}

/** Our Go module lies with the sources; this file may run from there or from its compiled copy under dist/. */
function moduleFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    if (folder === dirname(folder)) throw new Error('not inside a Fieldline checkout: no package.json above');
    folder = dirname(folder);
  }
  return join(folder, 'test', 'servers', 'influxd');
}

function requiredVersion(sources: string): string {
  const version = /influxdb\/v2 v(\S+)/.exec(readFileSync(join(sources, 'go.mod'), 'utf8'))?.[1];
  if (version === undefined) throw new Error(`no InfluxDB version in ${sources}/go.mod`);
  return version;
}

/** A changed module must not be answered by a program built from the old one. */
function digest(sources: string): string {
  const hash = createHash('sha256');
  for (const file of ['go.mod', 'go.sum', 'main.go']) hash.update(readFileSync(join(sources, file)));
  return hash.digest('hex').slice(0, 8);
}

function requireTools(): void {
  const lacking = Object.entries(needed).filter(([tool]) => findProgram(tool) === undefined);
  if (lacking.length === 0) return;
  const names = lacking.map(([tool]) => tool).join(', ');
  throw new MissingServerError(
    'influxdb',
    `to build it, PATH lacks ${names}`,
    lacking.map(([, get]) => get).join('; '),
  );
}

async function build(sources: string, folder: string, version: string, progress: Progress): Promise<void> {
  const work = join(folder, 'build');
  cpSync(sources, work, { recursive: true });
  const run = { cwd: work, withinMs: limitMs, onLine: (line: string) => progress(`influxdb: ${line}`) };
  const bin = join(work, 'bin');
  await runCommand('go', ['install', pkgConfig], { ...run, env: { GOBIN: bin } });
  // On other processors Flux's hand-written assembly is missing, and only this tag leaves its use out.
  const tags = ['sqlite_foreign_keys', 'sqlite_json', ...(process.arch === 'x64' ? [] : ['noasm'])].join(',');
  const flags = ['-trimpath', '-tags', tags, '-ldflags', `-s -w -X main.version=v${version}`];
  const env = { ...(await rustSettings(work)), PKG_CONFIG: join(bin, 'pkg-config') };
  await runCommand('go', ['build', ...flags, '-o', join(folder, 'influxd'), '.'], { ...run, env });
  rmSync(work, { recursive: true });
}

/**
 * Flux pins an old Rust and denies warnings. The installed Rust compiles it just as well, but warns of more:
 * so the pin is overridden, and every warning is kept a warning.
 */
async function rustSettings(work: string): Promise<Record<string, string>> {
  const wrapper = join(work, 'rustc-wrapper.sh');
  mkdirSync(work, { recursive: true });
  writeFileSync(wrapper, '#!/bin/sh\nexec "$@" --cap-lints warn\n');
  chmodSync(wrapper, 0o755);
  if (findProgram('rustup') === undefined) return { RUSTC_WRAPPER: wrapper };
  const active = await runCommand('rustup', ['show', 'active-toolchain'], { cwd: work, withinMs: 60_000 });
  return { RUSTC_WRAPPER: wrapper, RUSTUP_TOOLCHAIN: active.split(/\s/)[0] ?? 'stable' };
}
