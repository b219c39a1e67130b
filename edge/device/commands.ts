import { Registry } from 'prom-client';
import { systemClock } from '#core/runtime/clock.js';
import { createLogger } from '#core/runtime/logger.js';
import { messageOf } from '#core/runtime/errors.js';
import { createEdge } from '../main.js';
import { applyExitCode, applyRelease } from '../upgrade/apply-release.js';
import { exitCodes, UsageError, type Command, type CommandOptions, type Speech } from './command.js';
import { loadDeviceConfig } from './config.js';
import { environment } from './environment.js';
import { installedRelease } from './installed-release.js';
import { runDevice } from './run.js';

const defaultConfig = '/etc/fieldline/edge.yaml';
const levels = ['debug', 'info', 'warn', 'error'] as const;

/** The agent's commands by name. */
export const commands = {
  run: async ({ config = defaultConfig, 'log-level': level = 'info' }) =>
    runDevice(await loadDeviceConfig(config), { logger: createLogger({ level: levelOf(level) }) }),
  'check-config': checkConfig,
  'apply-release': install,
  version: (options, { print }) => {
    const { version, manifest } = installedRelease();
    const facts = { version, arch: manifest?.arch ?? process.arch, node: process.versions.node };
    print(options.json ? JSON.stringify(facts) : `fieldline-agent ${version} (${facts.arch}, Node ${facts.node})`);
    return Promise.resolve(exitCodes.done);
  },
} satisfies Record<string, Command>;

/** The parts are made, which reads the files that the configuration names, and not started. */
async function checkConfig({ config = defaultConfig }: CommandOptions, { print }: Speech): Promise<number> {
  const { edge } = await loadDeviceConfig(config);
  const { device } = createEdge(edge, {
    clock: systemClock,
    logger: createLogger({ level: 'error' }),
    registry: new Registry(),
  });
  print(`${config} is good: ${device.site}/${device.device} sends to ${edge.gateway.url}`);
  return exitCodes.done;
}

/** For guard.sh, which goes by the exit code: 1 the release is refused, 75 the same call may succeed another time. */
async function install({ version }: CommandOptions, { complain }: Speech): Promise<number> {
  if (version === undefined) throw new UsageError('apply-release wants --version, the release that is expected');
  try {
    await applyRelease({ root: environment.root(), version });
    return exitCodes.done;
  } catch (error) {
    complain(messageOf(error));
    return applyExitCode(error);
  }
}

function levelOf(text: string): (typeof levels)[number] {
  const level = levels.find((known) => known === text);
  if (level === undefined) throw new UsageError(`--log-level is one of ${levels.join(', ')}, not ${text}`);
  return level;
}
