import { join } from 'node:path';
import type { Command } from 'commander';
import { Registry } from 'prom-client';
import { logTopics } from '#core/contract/log-topics.js';
import { openLog } from '#core/log/open-log.js';
import { systemClock as clock } from '#core/runtime/clock.js';
import { openDataDirectory, type DataDirectory } from '#core/runtime/data-directory.js';
import { FatalError } from '#core/runtime/errors.js';
import { startAll, stopAll, type Part } from '#core/runtime/lifecycle.js';
import type { Logger } from '#core/runtime/logger.js';
import { OpsServer } from '#core/runtime/ops-server.js';
import { createIngest, createServe, openStore } from '../../cloud/main.js';
import { createEdge } from '../../edge/main.js';
import { createGateway, loadSecret } from '../../gateway/main.js';
import type { FieldlineConfig } from '../config.js';
import { environment } from '../environment.js';
import { port } from '../options.js';
import { runUntilSignal } from '../run-until-signal.js';
import { addRunOptions, configOf, deviceSecretFile, terminalOf, type RunOptions } from './common.js';

interface PartSeams {
  readonly config: FieldlineConfig;
  readonly data: DataDirectory;
  readonly logger: Logger;
  readonly registry: Registry;
}

/** One part as a process of its own: what it is made of, in the order in which it starts. */
interface PartCommand {
  readonly group: 'edge' | 'gateway' | 'cloud';
  readonly name: string;
  readonly description: string;
  readonly parts: (seams: PartSeams) => Promise<Part[]>;
}

const partCommands: readonly PartCommand[] = [
  {
    group: 'edge',
    name: 'run',
    description: 'read this machine’s sensors and send them to a gateway',
    parts: edgeParts,
  },
  {
    group: 'gateway',
    name: 'run',
    description: 'take what devices publish, and acknowledge it once Kafka has it',
    parts: gatewayParts,
  },
  { group: 'cloud', name: 'ingest', description: 'bring the log into the store, and roll it up', parts: ingestParts },
  { group: 'cloud', name: 'serve', description: 'serve the HTTP API and the console', parts: serveParts },
];

export function addParts(program: Command): void {
  const groups = new Map<string, Command>();
  for (const part of partCommands) {
    const { group, name, description } = part;
    const parent =
      groups.get(group) ??
      program.command(group).description(`the ${group} ${group === 'edge' ? 'agent' : 'part'} as a process of its own`);
    groups.set(group, parent);
    addRunOptions(parent.command(name).description(description))
      .option('--mqtt-port <n>', 'port that devices speak to (default: 1883)', port)
      .addHelpText('after', `\nExample:\n  fieldline ${group} ${name} --config fieldline.yaml`)
      .action(async (options: RunOptions) => {
        process.exitCode = await runPart(part, options);
      });
  }
}

async function runPart({ group, name, parts }: PartCommand, options: RunOptions): Promise<number> {
  const config = await configOf(options);
  const terminal = terminalOf({ ...options, logLevel: options.logLevel ?? 'info' });
  // Each part has a directory of its own, so that several may run on one machine.
  const data = await openDataDirectory(join(config.data, group === 'cloud' ? name : group));
  try {
    const all = await parts({ config, data, logger: terminal.logger, registry: new Registry() });
    const line: Part = { start: () => startAll(all), stop: (deadlineMs) => stopAll(all, deadlineMs) };
    return await runUntilSignal(line, { terminal, onUp: () => terminal.print(`fieldline ${group} ${name} is up`) });
  } finally {
    await data.release();
  }
}

async function edgeParts({ config, logger, registry }: PartSeams): Promise<Part[]> {
  const { enabled: _enabled, ...edge } = config.edge;
  const gateway = { ...edge.gateway, password: edge.gateway.password ?? environment.devicePassword() };
  const agent = createEdge({ ...edge, gateway }, { clock, logger, registry });
  const notReady = () => (agent.status().uplink.connected ? [] : ['The gateway is not connected.']);
  return [agent, new OpsServer({ ...config.ops, registry, notReady, logger })];
}

async function gatewayParts({ config, data, logger, registry }: PartSeams): Promise<Part[]> {
  const secret = await loadSecret(deviceSecretFile(config), { create: true });
  const seams = { clock, logger, registry };
  const log = openSharedLog(config, data, seams);
  const gateway = createGateway(config.gateway, { log, secret, ...seams });
  const notReady = () => (log.healthy() ? [] : ['The log takes nothing.']);
  return [log, topicsOf(log), gateway, new OpsServer({ ...config.ops, registry, notReady, logger })];
}

async function ingestParts({ config, data, logger, registry }: PartSeams): Promise<Part[]> {
  const seams = { clock, logger, registry };
  const log = openSharedLog(config, data, seams);
  const store = openStore(config.profile, config.store, { data, influxToken: environment.influxToken(), ...seams });
  const ingest = createIngest(config, { data, log, store, ...seams });
  return [
    log,
    topicsOf(log),
    store,
    ingest,
    new OpsServer({ ...config.ops, registry, notReady: () => ingest.notReady(), logger }),
  ];
}

async function serveParts({ config, data, logger, registry }: PartSeams): Promise<Part[]> {
  const seams = { clock, logger, registry };
  const log = openSharedLog(config, data, seams);
  const store = openStore(config.profile, config.store, { data, influxToken: environment.influxToken(), ...seams });
  return [log, topicsOf(log), store, createServe(config, { log, store, ...seams, stages: () => [] })];
}

/** A log that several processes share. Throws FatalError `bad-config` for one that belongs to a single process. */
function openSharedLog(
  config: FieldlineConfig,
  data: DataDirectory,
  seams: { clock: typeof clock; logger: Logger; registry: Registry },
) {
  if (config.profile === 'embedded') {
    const message =
      'a part alone needs the profile cluster, whose log several processes share: set profile: cluster, or run fieldline up';
    throw new FatalError('bad-config', message);
  }
  return openLog(config.profile, config.log, { data, ...seams });
}

function topicsOf(log: ReturnType<typeof openLog>): Part {
  return { start: () => log.ensureTopics(Object.values(logTopics)), stop: () => Promise.resolve() };
}
