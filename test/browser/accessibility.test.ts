import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { haveServers } from '../servers/ensure.js';
import { waitFor } from '../servers/wait-for.js';
import { accessibilityFaults, roles } from './accessibility.js';
import { useConsole } from './console-bench.js';
import { openTab } from './page.js';
import { plantDevices } from './plant-devices.js';
import { plantRollout } from './plant-rollout.js';

/** Each view, and what shows that it is there. */
const views = [
  ['overview', '#/', '.live-card canvas'],
  ['devices', '#/devices', 'tr[data-key]'],
  ['device', '#/devices/plant1/press-1', '.live-card canvas'],
  ['rollouts', '#/rollouts', 'tr[data-key]'],
  ['charts', '#/charts?series=plant1/press-1/temperature-01&series=plant1/press-1/current-01', '.panel canvas'],
  ['charts, none chosen', '#/charts', '.suggestions button'],
  ['alerts', '#/alerts', 'tr[data-key]'],
  ['no such device', '#/devices/plant1/nobody', '.placeholder'],
  ['no such page', '#/nowhere', '.placeholder'],
] as const;

/** What is wider than its place: the page, or a table. */
const tooWide = (page: Page): Promise<string[]> =>
  page.evaluate(() =>
    [document.documentElement, ...document.querySelectorAll('.table-wrap')]
      .filter((one) => one.scrollWidth > one.clientWidth)
      .map(({ tagName, className }) => `${tagName} ${className}`),
  );

describe.skipIf(!(await haveServers('chromium')))('every view of the console', () => {
  const console_ = useConsole(plantDevices(2), 60);
  beforeAll(() => console_.plant.tell(plantRollout()));

  describe.each(views)('%s', (_name, hash, sign) => {
    it.each([
      ['light', [360, 1440]],
      ['dark', [1440, 768]],
    ] as const)('has names, landmarks and contrast in %s, and fits its widths: %j', async (colorScheme, widths) => {
      await console_.plant.alert('press-1', { severity: 'critical' });
      await console_.plant.alert('press-2', { severity: 'info' });
      const viewport = { width: widths[0], height: 800 };
      const { page, faults } = await openTab(console_.browser, console_.url, hash, { colorScheme, viewport });
      for (const width of widths) {
        await page.setViewportSize({ width, height: 800 });
        await page.waitForSelector(sign);
        // Charts take their width from their place when that has changed.
        await waitFor(`it fits ${width} pixels`, 5000, async () => (await tooWide(page)).length === 0);
      }
      expect(await accessibilityFaults(page)).toEqual([]);
      const found = await roles(page);
      for (const role of ['banner', 'navigation', 'main', 'heading', 'status', 'alert']) expect(found).toContain(role);
      expect(faults).toEqual([]);
    });
  });

  it('can be acted on by touch at 360 px: targets of 24 px or more', async () => {
    const { page } = await openTab(console_.browser, console_.url, '#/', { viewport: { width: 360, height: 740 } });
    await page.waitForSelector('.live-card canvas');
    const small = await page.$$eval('button, nav a, input', (all) =>
      all
        .map((element) => ({ text: element.outerHTML.slice(0, 80), box: element.getBoundingClientRect() }))
        .filter(({ box }) => box.width > 0 && (box.width < 24 || box.height < 24))
        .map(({ text }) => text),
    );
    expect(small).toEqual([]);
  });
});

describe.skipIf(!(await haveServers('chromium')))('the console of an empty plant', () => {
  const console_ = useConsole([], 0);

  it.each([
    ['#/', 'No readings yet'],
    ['#/devices', 'No device has announced itself'],
    ['#/rollouts', 'No rollout yet'],
    ['#/charts', 'Pick series to draw'],
    ['#/alerts', 'No alerts yet'],
  ])('%s says what to do', async (hash, words) => {
    const { page, faults } = await openTab(console_.browser, console_.url, hash);
    await page.waitForSelector(`text=${words}`);
    expect(await accessibilityFaults(page)).toEqual([]);
    expect(faults).toEqual([]);
  });

  it('says why an answer cannot be shown', async () => {
    const { page } = await openTab(console_.browser, console_.url, '#/alerts');
    await page.route('**/api/v1/devices', (route) =>
      route.fulfill({
        status: 503,
        contentType: 'application/problem+json',
        body: '{"title":"What this needs is away"}',
      }),
    );
    await page.reload();
    await page.keyboard.type('gd');
    await page.waitForSelector('text=What this needs is away');
  });
});
