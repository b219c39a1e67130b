import { Registry } from 'prom-client';
import { systemClock } from '#core/runtime/clock.js';
import { createLogger } from '#core/runtime/logger.js';
import { createEdge } from '../main.js';
import { exitCodes, UsageError, type Command, type CommandOptions, type Speech } from './command.js';
import { loadDeviceConfig } from './config.js';
import { installedRelease } from './installed-release.js';
import { runDevice } from './run.js';

const defaultConfig = '/etc/fieldline/edge.yaml';
const levels = ['debug', 'info', 'warn', 'error'] as const;

/** The agent's commands by name. */
export const commands = {
  run: async ({ config = defaultConfig, 'log-level': level = 'info' }) =>
    runDevice(await loadDeviceConfig(config), { logger: createLogger({ level: levelOf(level) }) }),
  'check-config': checkConfig,
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

function levelOf(text: string): (typeof levels)[number] {
  const level = levels.find((known) => known === text);
  if (level === undefined) throw new UsageError(`--log-level is one of ${levels.join(', ')}, not ${text}`);
  return level;
}
