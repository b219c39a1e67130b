import { join } from 'node:path';
import { cached, type Progress } from './cache.js';
import type { Installed } from './ensure.js';
import { fetchJars, type Artifact } from './fetch-jars.js';
import { findJava } from './java.js';
import { archiveClasses } from './kafka-classes.js';
import { MissingServerError } from './missing-server.js';
import { findProgram } from './run-command.js';

const version = '4.1.2';
const limitMs = 10 * 60_000;

/** log4j-slf4j-impl is not among Kafka's own dependencies; without it the broker logs nothing at all. */
const artifacts: readonly Artifact[] = [
  ['org.apache.kafka', 'kafka_2.13', version],
  ['org.apache.logging.log4j', 'log4j-slf4j-impl', '2.24.3'],
];

/** Fetches Apache Kafka's jars from Maven Central; `path` is the folder of jars. */
export async function installKafka(progress: Progress): Promise<Installed> {
  findJava();
  const folder = await cached(`kafka-${version}`, limitMs, progress, async (partial) => {
    const mvn = findProgram('mvn');
    if (mvn === undefined) throw missing('Maven (mvn) is not on PATH', 'apt-get install maven, or brew install maven');
    progress(`kafka ${version}: fetching jars from Maven Central`);
    await fetchJars(mvn, partial, artifacts, limitMs).catch((cause: unknown) => {
      throw missing(
        'its jars could not be fetched',
        'let Maven reach Maven Central, or a mirror named in ~/.m2',
        cause,
      );
    });
  });
  const path = join(folder, 'lib');
  await archiveClasses(path, version, progress);
  return { path, version, env: {} };
}

const missing = (what: string, howToGet: string, cause?: unknown) =>
  new MissingServerError('kafka', what, howToGet, cause);
