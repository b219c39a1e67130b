import { join } from 'node:path';
import { Option, type Command } from 'commander';
import { profiles, type Profile } from '#core/runtime/profile.js';
import type { FieldlineConfig } from '../config.js';
import { port } from '../options.js';
import { openTerminal, type LogFormat, type Terminal } from '../terminal.js';

/** The options that every long-running command has. They win over the file. */
export interface RunOptions {
  config?: string;
  data?: string;
  httpPort?: number;
  mqttPort?: number;
  processes?: number;
  profile?: Profile;
  simulator?: boolean;
  logFormat: LogFormat;
  logLevel?: 'debug' | 'info' | 'warn' | 'error';
}

export function addRunOptions(command: Command): Command {
  return command
    .option('--config <file>', 'configuration file, see docs/configuration.md')
    .option('--data <dir>', 'data directory (default: ./data)')
    .option('--http-port <n>', 'port of the HTTP API and console, or of metrics and health (default: 8080)', port)
    .addOption(
      new Option('--profile <name>', 'embedded: npm packages only; cluster: Kafka and InfluxDB').choices(profiles),
    )
    .addOption(
      new Option('--log-format <format>', 'text: one live status line; json: structured logs')
        .choices(['text', 'json'])
        .default('text'),
    )
    .addOption(
      new Option('--log-level <level>', 'default: warn for text, info for json').choices([
        'debug',
        'info',
        'warn',
        'error',
      ]),
    );
}

/** The file's configuration with the command line over it. */
export async function configOf(options: RunOptions): Promise<FieldlineConfig> {
  // The schema brings every part along, which a mere --help need not wait for.
  const { loadConfig } = await import('../config.js');
  const config = await loadConfig(options.config);
  return {
    ...config,
    profile: options.profile ?? config.profile,
    data: options.data ?? config.data,
    http: { ...config.http, ...(options.httpPort !== undefined && { port: options.httpPort }) },
    ops: { ...config.ops, ...(options.httpPort !== undefined && { port: options.httpPort }) },
    gateway: {
      ...config.gateway,
      mqtt: { ...config.gateway.mqtt, ...(options.mqttPort !== undefined && { port: options.mqttPort }) },
      ...(options.processes !== undefined && { processes: options.processes }),
    },
    simulator: { ...config.simulator, enabled: config.simulator.enabled && options.simulator !== false },
  };
}

export function terminalOf({ logFormat, logLevel }: RunOptions): Terminal {
  const level = logLevel ?? (logFormat === 'json' ? 'info' : 'warn');
  return openTerminal({ format: logFormat, level, stream: process.stderr, nowMs: () => performance.now() });
}

/** The secret of the device passwords: shared by the parts of one machine, so it lies beside their data directories. */
export function deviceSecretFile(config: FieldlineConfig): string {
  return config.deviceSecretFile ?? join(config.data, 'secrets', 'device-secret');
}
