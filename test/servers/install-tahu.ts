import { join } from 'node:path';
import { cached, type Progress } from './cache.js';
import type { Installed } from './ensure.js';
import { fetchJars } from './fetch-jars.js';
import { findJava } from './java.js';
import { MissingServerError } from './missing-server.js';
import { findProgram } from './run-command.js';

const version = '1.0.12';
const limitMs = 10 * 60_000;

/** Fetches Eclipse Tahu's jars from Maven Central; `path` is the folder of jars. */
export async function installTahu(progress: Progress): Promise<Installed> {
  findJava();
  const folder = await cached(`tahu-${version}`, limitMs, progress, async (partial) => {
    const mvn = findProgram('mvn');
    if (mvn === undefined) throw missing('Maven (mvn) is not on PATH', 'apt-get install maven, or brew install maven');
    progress(`tahu ${version}: fetching jars from Maven Central`);
    await fetchJars(mvn, partial, [['org.eclipse.tahu', 'tahu-edge', version]], limitMs).catch((cause: unknown) => {
      throw missing(
        'its jars could not be fetched',
        'let Maven reach Maven Central, or a mirror named in ~/.m2',
        cause,
      );
    });
  });
  return { path: join(folder, 'lib'), version, env: {} };
}

const missing = (what: string, howToGet: string, cause?: unknown) =>
  new MissingServerError('tahu', what, howToGet, cause);
