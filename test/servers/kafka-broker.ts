import { randomBytes } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findJava } from './java.js';
import type { BrokerPlace } from './kafka-config.js';
import { aliveBrokers } from './kafka-wire.js';
import { runCommand } from './run-command.js';
import { spawnServer, type ServerProcess } from './spawn-server.js';

/** The Java side of a broker: its jars and its memory. */
export interface BrokerProgram {
  readonly jars: string;
  readonly heapMb: number;
  readonly readyWithinMs: number;
  /** Of the JVM, beside those of memory. */
  readonly flags: readonly string[];
}

/** A cluster id as Kafka writes it: 128 bits in URL-safe base64. A leading dash would be taken for an option. */
export function newClusterId(): string {
  return randomBytes(16).toString('base64url').replace(/^-/, 'A');
}

/** Writes the broker's properties, and formats its folder unless that was done before. */
export async function formatBroker(
  program: BrokerProgram,
  place: BrokerPlace,
  properties: string,
  clusterId: string,
): Promise<void> {
  writeFileSync(propertiesFile(place), properties);
  if (existsSync(join(place.folder, 'meta.properties'))) return;
  const format = ['format', '-t', clusterId, '-c', propertiesFile(place)];
  const jvm = ['-Xmx128m', '-XX:+UseSerialGC', ...program.flags];
  await runCommand(findJava().path, [...jvm, '-cp', join(program.jars, '*'), 'kafka.tools.StorageTool', ...format], {
    withinMs: program.readyWithinMs,
  });
}

/**
 * Starts a formatted broker and resolves when it and its cluster answer a metadata request with all `expected` node
 * ids, which is when topics can be created and records written.
 */
export function startBroker(
  program: BrokerProgram,
  place: BrokerPlace,
  expected: readonly number[],
): Promise<ServerProcess> {
  // Kafka's own start script sets this; log4j without a configuration would print errors only.
  const jvm = [`-Xmx${program.heapMb}m`, '-XX:+UseSerialGC', ...program.flags, '-Dlog4j2.level=INFO'];
  // The libraries that it unpacks stay where they are when it is killed.
  jvm.push('-Djava.awt.headless=true', `-Djava.io.tmpdir=${place.folder}`);
  return spawnServer({
    name: `kafka-${place.nodeId}`,
    command: findJava().path,
    args: [...jvm, '-cp', join(program.jars, '*'), 'kafka.Kafka', propertiesFile(place)],
    folder: place.folder,
    readyWithinMs: program.readyWithinMs,
    ready: async () => {
      const alive = await aliveBrokers(place.clientPort);
      return expected.every((nodeId) => alive.includes(nodeId));
    },
  });
}

const propertiesFile = (place: BrokerPlace) => join(place.folder, 'server.properties');
