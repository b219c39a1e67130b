import { readFileSync } from 'node:fs';

/** Of this package; the compiled file lies one folder deeper than the source. */
export const version = (['../package.json', '../../package.json']
  .map((path) => new URL(path, import.meta.url))
  .map((url) => {
    try {
      return (JSON.parse(readFileSync(url, 'utf8')) as { version: string }).version;
    } catch {
      return undefined;
    }
  })
  .find((found) => found !== undefined) ?? '0.0.0') satisfies string;
