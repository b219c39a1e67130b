import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { MissingServerError } from './missing-server.js';
import { findProgram } from './run-command.js';

/** A `java` program that is new enough. */
export interface Java {
  readonly path: string;
  /** As it names itself: `17.0.15`. */
  readonly version: string;
}

let found: Java | undefined;

/** The `java` program to run Kafka with, 17 or newer. Throws a `MissingServerError` if there is none. */
export function findJava(): Java {
  const home = process.env.JAVA_HOME === undefined ? [] : [join(process.env.JAVA_HOME, 'bin')];
  const places = [findProgram('java', home), ...home.map((bin) => join(bin, 'java'))];
  for (const path of places) found ??= recent(path);
  if (found === undefined) {
    const howToGet = 'apt-get install openjdk-17-jre-headless, or brew install openjdk@17';
    throw new MissingServerError('kafka', 'Java 17 or newer is neither on PATH nor in JAVA_HOME', howToGet);
  }
  return found;
}

function recent(path: string | undefined): Java | undefined {
  if (path === undefined) return undefined;
  try {
    // Java 8 and older know only -version, and fail here as they should.
    const shown = execFileSync(path, ['--version'], { encoding: 'utf8', timeout: 30_000, stdio: 'pipe' });
    const version = /[\d.]+/.exec(shown)?.[0] ?? '';
    return parseInt(version, 10) >= 17 ? { path, version } : undefined;
  } catch {
    return undefined;
  }
}
