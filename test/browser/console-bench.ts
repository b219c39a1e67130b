import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser } from 'playwright-core';
import { afterAll, beforeAll } from 'vitest';
import { findChromium } from '../servers/chromium.js';
import { freePort } from '../servers/free-port.js';
import { assetsDir, Plant } from './plant.js';
import type { PlantDevice } from './plant-devices.js';

export interface ConsoleUnderTest {
  readonly plant: Plant;
  readonly browser: Browser;
  readonly url: string;
}

/** Starts a plant and a browser for the tests of a file. */
export function useConsole(devices: readonly PlantDevice[], historyS: number): ConsoleUnderTest {
  const under: { plant?: Plant; browser?: Browser } = {};
  let folder: string;
  beforeAll(async () => {
    if (!existsSync(join(assetsDir, 'index.html'))) throw new Error('the console is not built: npm run build');
    folder = await mkdtemp(join(tmpdir(), 'fieldline-plant-'));
    under.plant = new Plant({ folder, devices, historyS, port: await freePort() });
    await under.plant.start();
    under.browser = await chromium.launch(await findChromium());
  });
  afterAll(async () => {
    await under.browser?.close();
    await under.plant?.stop(3000);
    await rm(folder, { recursive: true, force: true });
  });
  return {
    get plant() {
      return under.plant!;
    },
    get browser() {
      return under.browser!;
    },
    get url() {
      return under.plant!.url;
    },
  };
}
