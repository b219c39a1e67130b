import { readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** When this program was built, in microseconds since the Unix epoch: what `build.mjs` wrote, or else the age of this file. */
export function buildTimeUs(): number {
  const here = fileURLToPath(import.meta.url);
  try {
    const { builtMs } = JSON.parse(readFileSync(new URL('../../build.json', import.meta.url), 'utf8')) as {
      builtMs: number;
    };
    if (Number.isSafeInteger(builtMs)) return builtMs * 1000;
  } catch {
    // Not built: the sources run as they are.
  }
  return Math.floor(statSync(here).mtimeMs) * 1000;
}
