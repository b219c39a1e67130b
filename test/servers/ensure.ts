// Also a program: `node dist/test/servers/ensure.js [kafka] [influxdb] [mosquitto] [chromium] [socat] [telegraf] [tahu] [shellcheck] [cloud-init] [mtools] [dosfstools] [fsverity] [qemu-user] [node-runtimes]`
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { cacheRoot, type Progress } from './cache.js';
import { installDebian, type DebianProgram } from './install-debian.js';
import { installInfluxdb } from './install-influxdb.js';
import { installKafka } from './install-kafka.js';
import { installNodeRuntimes } from './install-node-runtimes.js';
import { installTahu } from './install-tahu.js';
import { installTelegraf } from './install-telegraf.js';
import { skipOrThrow } from './missing-server.js';

/** Where an installed server is, and what its process needs in its environment. */
export interface Installed {
  readonly path: string;
  readonly version: string;
  readonly env: Readonly<Record<string, string>>;
}

const mosquitto: DebianProgram = {
  name: 'mosquitto',
  packages: ['mosquitto', 'mosquitto-clients'],
  programs: ['mosquitto'],
  unpacked: 'usr/sbin/mosquitto',
};

const chromium: DebianProgram = {
  name: 'chromium',
  packages: ['chromium'],
  programs: ['chromium', 'chromium-browser', 'google-chrome'],
  places: ['/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'],
  unpacked: 'usr/lib/chromium/chromium',
};

const socat: DebianProgram = {
  name: 'socat',
  packages: ['socat'],
  programs: ['socat'],
  unpacked: 'usr/bin/socat',
  unpackAlways: true,
};

const shellcheck: DebianProgram = {
  name: 'shellcheck',
  packages: ['shellcheck'],
  programs: ['shellcheck'],
  unpacked: 'usr/bin/shellcheck',
  unpackAlways: true,
};

// Installed, it would configure this machine at its next start.
const cloudInit: DebianProgram = {
  name: 'cloud-init',
  packages: ['cloud-init'],
  programs: [],
  unpacked: 'usr/bin/cloud-init',
  unpackAlways: true,
};

const mtools: DebianProgram = {
  name: 'mtools',
  packages: ['mtools'],
  programs: [],
  unpacked: 'usr/bin/mcopy',
  unpackAlways: true,
};

const dosfstools: DebianProgram = {
  name: 'dosfstools',
  packages: ['dosfstools'],
  programs: [],
  unpacked: 'sbin/fsck.fat',
  unpackAlways: true,
};

const fsverity: DebianProgram = {
  name: 'fsverity',
  packages: ['fsverity'],
  programs: ['fsverity'],
  unpacked: 'usr/bin/fsverity',
  unpackAlways: true,
};

// Beside it, below `usr/`, are the libraries of the other machines: aarch64-linux-gnu and arm-linux-gnueabihf.
const qemuUser: DebianProgram = {
  name: 'qemu-user',
  packages: [
    'qemu-user-static',
    ...['libc6', 'libgcc-s1', 'libstdc++6', 'libatomic1'].flatMap((name) => [
      `${name}-arm64-cross`,
      `${name}-armhf-cross`,
    ]),
  ],
  programs: [],
  unpacked: 'usr/bin/qemu-aarch64-static',
  unpackAlways: true,
};

const servers = {
  kafka: { why: 'the event log of a cluster', install: installKafka },
  influxdb: { why: 'the series store of a cluster', install: installInfluxdb },
  mosquitto: { why: 'an MQTT broker that is not ours', install: (p: Progress) => installDebian(mosquitto, p) },
  chromium: { why: 'the browser that looks at the console', install: (p: Progress) => installDebian(chromium, p) },
  socat: { why: 'the two ends of a serial line', install: (p: Progress) => installDebian(socat, p) },
  telegraf: { why: 'a foreign edge, and the peer in benchmarks', install: installTelegraf },
  tahu: { why: 'a Sparkplug edge node that is not ours', install: installTahu },
  shellcheck: { why: 'reads the scripts of the installer', install: (p: Progress) => installDebian(shellcheck, p) },
  'cloud-init': { why: 'reads what first boot is told', install: (p: Progress) => installDebian(cloudInit, p) },
  mtools: { why: 'reads a FAT with code that is not ours', install: (p: Progress) => installDebian(mtools, p) },
  dosfstools: { why: 'makes a FAT, and checks it', install: (p: Progress) => installDebian(dosfstools, p) },
  fsverity: { why: 'hashes a file as the kernel does', install: (p: Progress) => installDebian(fsverity, p) },
  'qemu-user': { why: 'runs the bundles for ARM', install: (p: Progress) => installDebian(qemuUser, p) },
  'node-runtimes': { why: 'Node for boards, run under qemu-user', install: installNodeRuntimes },
} satisfies Record<string, { why: string; install: (progress: Progress) => Promise<Installed> }>;

export type ServerName = keyof typeof servers;

const known = new Map<ServerName, Promise<Installed>>();

/**
 * Makes a server available on this machine, installing or building it into the cache if it is missing.
 * Several processes may ask at once. Throws a `MissingServerError` that says what is missing and how to get it.
 */
export function ensureServer(name: ServerName, progress: Progress = () => undefined): Promise<Installed> {
  const installed = known.get(name) ?? servers[name].install(progress);
  known.set(name, installed);
  return installed;
}

/**
 * Whether tests may use these servers: `describe.skipIf(!(await haveServers('kafka')))`. Installs what is missing.
 * In continuous integration a missing server throws; elsewhere a framed notice says what is skipped and how to get it.
 */
export async function haveServers(...names: ServerName[]): Promise<boolean> {
  try {
    for (const name of names) await ensureServer(name, (line) => process.stderr.write(`${line}\n`));
    return true;
  } catch (error) {
    skipOrThrow(error);
    return false;
  }
}

async function main(names: readonly string[]): Promise<void> {
  const unknown = names.filter((name) => !Object.hasOwn(servers, name));
  if (unknown.length > 0) throw new Error(`unknown: ${unknown.join(' ')}; known: ${Object.keys(servers).join(' ')}`);
  const wanted = (names.length > 0 ? names : Object.keys(servers)) as ServerName[];
  console.log(`cache: ${cacheRoot()}`);
  for (const name of wanted) {
    const started = performance.now();
    const { path, version } = await ensureServer(name, console.log);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(`${name} (${servers[name].why}): ${version}, ${path}, ${seconds} s`);
  }
}

const program = process.argv[1];
// The name is asked too, so that a bundle which only contains this module does not become the program.
if (
  program !== undefined &&
  /ensure\.[jt]s$/.test(program) &&
  realpathSync(program) === fileURLToPath(import.meta.url)
) {
  await main(process.argv.slice(2)).catch((error: unknown) => {
    console.error(error instanceof Error ? `${error.message}\n${String(error.cause ?? '')}` : error);
    process.exitCode = 1;
  });
}
