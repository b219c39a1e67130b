import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { cached, type Progress } from './cache.js';
import type { Installed } from './ensure.js';
import { MissingServerError } from './missing-server.js';
import { findProgram, runCommand } from './run-command.js';

const version = '1.37.0';
const limitMs = 20 * 60_000;
/** Only what tests and benchmarks use: the whole of it is several times as large, and takes as long to build. */
const plugins = {
  inputs: ['exec', 'file', 'mock', 'mqtt_consumer'],
  outputs: ['file', 'kafka', 'mqtt'],
  parsers: ['influx', 'json', 'json_v2', 'value'],
  serializers: ['influx', 'json'],
};
const tags = ['custom', ...Object.entries(plugins).flatMap(([kind, names]) => names.map((name) => `${kind}.${name}`))];
/** Another choice of plugins is another program. */
const build = createHash('sha256').update(tags.join(',')).digest('hex').slice(0, 8);

/** Builds Telegraf, the peer in benchmarks, from its Go module: one to three minutes, once. */
export async function installTelegraf(progress: Progress): Promise<Installed> {
  const folder = await cached(`telegraf-${version}-${build}`, limitMs, progress, async (partial) => {
    if (findProgram('go') === undefined)
      throw new MissingServerError('telegraf', 'to build it, PATH lacks go', 'Go 1.25 or newer, https://go.dev/dl');
    progress(`telegraf ${version}: building from its Go module, one to three minutes, once`);
    const from = `github.com/influxdata/telegraf/cmd/telegraf@v${version}`;
    const args = ['install', '-trimpath', '-ldflags', '-s -w', '-tags', tags.join(','), from];
    const run = { cwd: partial, withinMs: limitMs, env: { GOBIN: partial } };
    await runCommand('go', args, { ...run, onLine: (line) => progress(`telegraf: ${line}`) }).catch(
      (cause: unknown) => {
        throw new MissingServerError('telegraf', 'the build failed', 'see the reason; needs Go', cause);
      },
    );
  });
  return { path: join(folder, 'telegraf'), version, env: {} };
}
