import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cached, cacheRoot, type Progress, withLock } from './cache.js';
import type { Installed } from './ensure.js';
import { MissingServerError } from './missing-server.js';
import { findProgram, runCommand } from './run-command.js';

const limitMs = 15 * 60_000;
const quiet = ['-y', '-q', '-o', 'DPkg::Lock::Timeout=300', '--no-install-recommends'];

/** A program that comes in Debian packages. */
export interface DebianProgram {
  readonly name: string;
  readonly packages: readonly string[];
  /** Names under which it may be on PATH, the preferred first. */
  readonly programs: readonly string[];
  /** Full paths outside PATH where it may be. */
  readonly places?: readonly string[];
  /** Where it is in an unpacked package. */
  readonly unpacked: string;
  /** Unpacked into the cache even by root, so that the machine stays as it is. */
  readonly unpackAlways?: boolean;
}

/**
 * The program as installed; else installed by apt as root, unless it is always unpacked; else unpacked with what it depends on into the cache, with
 * the `env` it then needs. Throws a `MissingServerError` where there is neither the program nor apt.
 */
export async function installDebian(wanted: DebianProgram, progress: Progress): Promise<Installed> {
  const present = await findInstalled(wanted);
  if (present !== undefined) return present;
  if (findProgram('apt-get') === undefined) throw missing(wanted, 'not installed, and there is no apt-get here');
  try {
    if (process.getuid?.() === 0 && !wanted.unpackAlways) {
      await installAsRoot(wanted, progress);
      return (await findInstalled(wanted)) ?? Promise.reject(new Error('not there after its installation'));
    }
    return await unpack(wanted, progress);
  } catch (cause) {
    throw missing(wanted, 'its Debian packages could not be installed', cause);
  }
}

async function findInstalled(wanted: DebianProgram): Promise<Installed | undefined> {
  const onPath = wanted.programs.map((program) => findProgram(program, ['/usr/bin', '/usr/sbin', '/opt/homebrew/bin']));
  const path = [...onPath, ...(wanted.places ?? [])].find((place) => place !== undefined && existsSync(place));
  return path === undefined ? undefined : { path, version: 'as installed', env: {} };
}

async function installAsRoot(wanted: DebianProgram, progress: Progress): Promise<void> {
  // Two apt-get at once would have one of them fail on the package lists' lock, which has no waiting time.
  await withLock(join(cacheRootMade(), 'apt.lock'), limitMs, progress, async () => {
    const install = () => apt(['install', ...quiet, ...wanted.packages], { DEBIAN_FRONTEND: 'noninteractive' });
    progress(`${wanted.name}: apt-get install ${wanted.packages.join(' ')}`);
    await install().catch(async () => {
      progress(`${wanted.name}: refreshing the package lists and trying again`);
      await apt(['update', '-q']);
      await install();
    });
  });
}

async function unpack(wanted: DebianProgram, progress: Progress): Promise<Installed> {
  const folder = await cached(`${release()}-${wanted.name}`, limitMs, progress, async (partial) => {
    const names = await notInstalled(wanted.packages);
    progress(`${wanted.name}: unpacking ${names.length} Debian packages into ${cacheRoot()}`);
    await apt(['download', '-q', ...names], {}, partial);
    for (const file of readdirSync(partial).filter((name) => name.endsWith('.deb'))) {
      await runCommand('dpkg', ['-x', file, 'root'], { cwd: partial, withinMs: limitMs });
      rmSync(join(partial, file));
    }
  });
  const path = join(folder, 'root', wanted.unpacked);
  if (!existsSync(path)) throw new Error(`${path} is not in the packages; delete ${folder} to try again`);
  return { path, version: 'unpacked', env: { ...libraryPath(folder), ...pythonPath(folder) } };
}

/** Such as `debian-12`: programs unpacked from one release need not run on the next. */
function release(): string {
  const about = readFileSync('/etc/os-release', 'utf8');
  const value = (key: string) => new RegExp(`^${key}="?([^"\\n]+)`, 'm').exec(about)?.[1];
  return `${value('ID') ?? 'debian'}-${value('VERSION_ID') ?? 'testing'}`;
}

/** The packages and all they need, less what this machine has: what apt would install, if it were allowed to. */
async function notInstalled(packages: readonly string[]): Promise<string[]> {
  const plan = await apt(['install', '--simulate', '--no-install-recommends', ...packages]);
  return [...plan.matchAll(/^Inst (\S+)/gm)].map(([, name]) => name ?? '');
}

const triplets: Partial<Record<NodeJS.Architecture, string>> = {
  x64: 'x86_64-linux-gnu',
  arm64: 'aarch64-linux-gnu',
  arm: 'arm-linux-gnueabihf',
};

function libraryPath(folder: string): Record<string, string> {
  const triplet = triplets[process.arch] ?? process.arch;
  const folders = ['usr/lib', 'lib'].map((lib) => join(folder, 'root', lib, triplet));
  return { LD_LIBRARY_PATH: [...folders, process.env.LD_LIBRARY_PATH].filter(Boolean).join(':') };
}

function pythonPath(folder: string): Record<string, string> {
  const packages = join(folder, 'root/usr/lib/python3/dist-packages');
  return existsSync(packages) ? { PYTHONPATH: packages } : {};
}

const apt = (args: readonly string[], env: Record<string, string> = {}, cwd?: string) =>
  runCommand('apt-get', args, { withinMs: limitMs, env: { LC_ALL: 'C', ...env }, cwd });

function cacheRootMade(): string {
  mkdirSync(cacheRoot(), { recursive: true });
  return cacheRoot();
}

function missing(wanted: DebianProgram, what: string, cause?: unknown): MissingServerError {
  const howToGet = `Debian or Ubuntu: apt-get install ${wanted.packages.join(' ')}; macOS: brew install ${wanted.name}`;
  return new MissingServerError(wanted.name, what, howToGet, cause);
}
