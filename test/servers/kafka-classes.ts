import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cached, cacheRoot, type Progress } from './cache.js';
import { freePorts } from './free-port.js';
import { findJava } from './java.js';
import { formatBroker, newClusterId, startBroker } from './kafka-broker.js';
import { brokerProperties, type BrokerPlace } from './kafka-config.js';
import { openServerFolder } from './run-folder.js';

const withinMs = 120_000;

/**
 * Keeps the classes of a broker as the JVM lays them out in memory: brokers that find them start with half the work.
 * Where a JVM cannot do that there is none, and they start as ever.
 */
export async function archiveClasses(jars: string, version: string, progress: Progress): Promise<void> {
  await cached(folderName(version), withinMs, progress, async (partial) => {
    progress(`kafka ${version}: keeping its classes for quicker starts`);
    await runOnce(jars, join(partial, fileName)).catch((error: unknown) => progress(String(error)));
  });
}

/** The file of {@link archiveClasses}, if there is one. */
export function archivedClasses(version: string): string | undefined {
  const file = join(cacheRoot(), folderName(version), fileName);
  return existsSync(file) ? file : undefined;
}

const fileName = 'classes.jsa';
// The archive is of one JVM, which refuses that of another.
const folderName = (version: string): string => `kafka-${version}-classes-java-${findJava().version}`;

/** Starts a broker that writes down at its end which classes it had. */
async function runOnce(jars: string, file: string): Promise<void> {
  const folder = openServerFolder('kafka-classes');
  const [clientPort, internalPort, controllerPort] = (await freePorts(3)) as [number, number, number];
  const ports = { clientPort, advertisedPort: clientPort, internalPort, controllerPort };
  const place: BrokerPlace = { nodeId: 1, ...ports, folder: folder.path };
  const program = { jars, heapMb: 512, readyWithinMs: withinMs, flags: [`-XX:ArchiveClassesAtExit=${file}`] };
  try {
    await formatBroker(program, place, brokerProperties(place, [place], {}), newClusterId());
    const broker = await startBroker(program, place, [1]);
    await broker.terminate(withinMs);
  } finally {
    folder.remove();
  }
}
