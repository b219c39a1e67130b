import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts } from '../servers/free-port.js';
import { startClusterServers, type ClusterServers } from './cluster-servers.js';
import { startFieldline, writeConfig, type Running } from './fieldline.js';

export type ClusterPart = 'gateway' | 'ingest' | 'serve';

/** The cluster profile as it runs in production: every part a process of its own, on real Kafka and InfluxDB. */
export interface ClusterLine {
  readonly servers: ClusterServers;
  readonly mqttUrl: string;
  /** The data directory of the parts, with the device secret. */
  readonly data: string;
  readonly parts: Record<ClusterPart, Running>;
  /** kill -9, and start again on the same ports and data. */
  kill9AndRestart(part: ClusterPart): Promise<void>;
  stop(): Promise<void>;
}

const commands = { gateway: ['gateway', 'run'], ingest: ['cloud', 'ingest'], serve: ['cloud', 'serve'] } as const;

export async function startClusterLine(
  folder: string,
  kafka: Parameters<typeof startClusterServers>[0] = {},
): Promise<ClusterLine> {
  const servers = await startClusterServers(kafka);
  const [mqttPort, gateway, ingest, serve] = (await freePorts(4)) as [number, number, number, number];
  const data = join(folder, 'data');
  mkdirSync(data, { recursive: true });
  const config = writeConfig(folder, {
    profile: 'cluster',
    data,
    gateway: { mqtt: { port: mqttPort } },
    ...servers.config,
  });
  const ports = { gateway, ingest, serve };
  const start = (part: ClusterPart): Promise<Running> => {
    const args = [...commands[part], '--config', config, '--http-port', `${ports[part]}`, '--log-format', 'json'];
    return startFieldline({ name: part, args, folder, httpPort: ports[part], readyWithinMs: 60_000 });
  };
  const parts = {} as Record<ClusterPart, Running>;
  for (const part of ['ingest', 'serve', 'gateway'] as const) parts[part] = await start(part);
  return {
    servers,
    mqttUrl: `mqtt://127.0.0.1:${mqttPort}`,
    data,
    parts,
    async kill9AndRestart(part) {
      await parts[part].kill9();
      parts[part] = await start(part);
    },
    async stop() {
      await Promise.all(Object.values(parts).map((part) => part.terminate()));
      await servers.stop();
    },
  };
}
