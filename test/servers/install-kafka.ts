import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { cached, type Progress } from './cache.js';
import type { Installed } from './ensure.js';
import { fetchJars, type Artifact } from './fetch-jars.js';
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
  return { path: join(folder, 'lib'), version, env: {} };
}

/** The `java` program to run Kafka with, 17 or newer. Throws a `MissingServerError` if there is none. */
export function findJava(): string {
  const home = process.env.JAVA_HOME === undefined ? [] : [join(process.env.JAVA_HOME, 'bin')];
  const java = [findProgram('java', home), ...home.map((bin) => join(bin, 'java'))].find(isRecent);
  if (java === undefined) throw missing('Java 17 or newer is neither on PATH nor in JAVA_HOME', howToGetJava);
  return java;
}

const howToGetJava = 'apt-get install openjdk-17-jre-headless, or brew install openjdk@17';

function isRecent(java: string | undefined): java is string {
  if (java === undefined) return false;
  try {
    // Java 8 and older know only -version, and fail here as they should.
    const shown = execFileSync(java, ['--version'], { encoding: 'utf8', timeout: 30_000, stdio: 'pipe' });
    return Number(/(\d+)/.exec(shown)?.[1]) >= 17;
  } catch {
    return false;
  }
}

const missing = (what: string, howToGet: string, cause?: unknown) =>
  new MissingServerError('kafka', what, howToGet, cause);
