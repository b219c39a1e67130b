import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureServer } from './ensure.js';
import { freePort } from './free-port.js';
import { openServerFolder } from './run-folder.js';
import { spawnServer, type ServerProcess } from './spawn-server.js';

/** How to start InfluxDB; everything has a default. */
export interface InfluxdbOptions {
  /** Kept when given, with its organisation and token, so that a later start finds the data. */
  readonly dataDir?: string;
  /** The organisation that set-up makes; `fieldline`. */
  readonly org?: string;
  /** The bucket that set-up makes; `fieldline`. */
  readonly bucket?: string;
  /** That bucket's retention in seconds; 0, the default, keeps for ever. */
  readonly retentionSeconds?: number;
  /** Further arguments of `influxd`. */
  readonly args?: readonly string[];
  /** 60,000 ms unless told. */
  readonly readyWithinMs?: number;
}

/** A running InfluxDB 2. */
export interface Influxdb {
  readonly url: string;
  readonly org: string;
  readonly bucket: string;
  /** An operator token: it may do everything. */
  readonly token: string;
  /** Ends the server and deletes a temporary data folder. May be called twice. */
  stop(): Promise<void>;
  /** SIGKILL; the data stays for `restart`. */
  kill9(): Promise<void>;
  /** SIGSTOP: connections stay open and nothing is answered. */
  freeze(): void;
  /** SIGCONT. */
  thaw(): void;
  /** Starts again with the same port and data (after SIGTERM if it runs); resolves when it answers. */
  restart(): Promise<void>;
}

type Account = Pick<Influxdb, 'org' | 'bucket' | 'token'>;

/**
 * Starts InfluxDB 2 on loopback, runs its set-up, and resolves when it takes writes.
 * Throws `MissingServerError`, or an error with the end of its log.
 */
export async function startInfluxd(options: InfluxdbOptions = {}): Promise<Influxdb> {
  const { path } = await ensureServer('influxdb');
  const folder = openServerFolder('influxdb', options.dataDir);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const start = () => launch(path, folder.path, port, options);
  let server: ServerProcess | undefined;
  const stop = async () => {
    await (folder.temporary ? server?.kill9() : server?.terminate());
    folder.remove();
  };
  try {
    server = await start();
    const account = await setUp(url, join(folder.path, 'account.json'), options);
    const running = server;
    return control({ ...account, url, stop }, running, async () => (server = await start()));
  } catch (error) {
    await stop();
    throw error;
  }
}

function control(
  fixed: Account & Pick<Influxdb, 'url' | 'stop'>,
  first: ServerProcess,
  start: () => Promise<ServerProcess>,
): Influxdb {
  let server = first;
  return {
    ...fixed,
    kill9: () => server.kill9(),
    freeze: () => server.freeze(),
    thaw: () => server.thaw(),
    restart: async () => {
      await server.terminate();
      server = await start();
    },
  };
}

function launch(program: string, folder: string, port: number, options: InfluxdbOptions): Promise<ServerProcess> {
  const address = `127.0.0.1:${port}`;
  const paths = ['--bolt-path', join(folder, 'influxd.bolt'), '--sqlite-path', join(folder, 'influxd.sqlite')];
  const quiet = ['--reporting-disabled', '--ui-disabled', '--pprof-disabled'];
  return spawnServer({
    name: 'influxdb',
    command: program,
    args: [...paths, '--engine-path', join(folder, 'engine'), '--http-bind-address', address, ...quiet].concat(
      options.args ?? [],
    ),
    // A configuration that lies about on this machine must not change what is tested.
    env: { INFLUXD_CONFIG_PATH: folder, HOME: folder },
    folder,
    readyWithinMs: options.readyWithinMs ?? 60_000,
    ready: async () => {
      const answer = await fetch(`http://${address}/health`, { signal: AbortSignal.timeout(2_000) });
      return ((await answer.json()) as { status?: string }).status === 'pass';
    },
  });
}

/** Set-up can be run once in the life of a data folder, so what it made is kept beside the data. */
async function setUp(url: string, file: string, options: InfluxdbOptions): Promise<Account> {
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as Account;
  const account = {
    org: options.org ?? 'fieldline',
    bucket: options.bucket ?? 'fieldline',
    token: randomBytes(24).toString('hex'),
  };
  const user = { username: 'admin', password: account.token, retentionPeriodSeconds: options.retentionSeconds ?? 0 };
  const answer = await fetch(`${url}/api/v2/setup`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...account, ...user }),
    signal: AbortSignal.timeout(30_000),
  });
  if (!answer.ok) throw new Error(`influxdb set-up: ${answer.status} ${await answer.text()}`);
  writeFileSync(file, JSON.stringify(account), { mode: 0o600 });
  return account;
}
