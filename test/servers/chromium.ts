import { ensureServer } from './ensure.js';

/** What playwright-core's `chromium.launch()` takes; headless is its own default. */
export interface ChromiumLaunch {
  readonly executablePath: string;
  readonly args: string[];
  /** The whole environment of the browser, where it needs more than this process has. */
  readonly env?: Record<string, string>;
}

/**
 * Chromium's own services look for hosts outside at every start, which delays it where there is no way out. Its
 * sandbox needs user namespaces, which containers often refuse; the tests only load pages that we serve ourselves.
 */
const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Where Chromium is and how to start it: `chromium.launch(await findChromium())`. Throws `MissingServerError`. */
export async function findChromium(): Promise<ChromiumLaunch> {
  const { path, env } = await ensureServer('chromium');
  if (Object.keys(env).length === 0) return { executablePath: path, args: [...args] };
  const own = Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { executablePath: path, args: [...args], env: { ...Object.fromEntries(own), ...env } };
}
