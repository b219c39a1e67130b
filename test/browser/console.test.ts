import type { Page } from 'playwright-core';
import { describe, expect, it, onTestFinished } from 'vitest';
import { haveServers } from '../servers/ensure.js';
import { waitFor } from '../servers/wait-for.js';
import { useConsole } from './console-bench.js';
import { movement, openTab, pictures, pixelsOf } from './page.js';
import { plantDevices } from './plant-devices.js';
import { pausedRollout, plantRollout, reported } from './plant-rollout.js';

const focused = (page: Page): Promise<string> =>
  page.evaluate(() => `${document.activeElement?.tagName} ${document.activeElement?.textContent?.trim() ?? ''}`);

const background = (page: Page): Promise<string> =>
  page.evaluate(() => getComputedStyle(document.body).backgroundColor);

/** Whether the focus can be seen: an outline of two pixels or more. */
const outlined = (page: Page): Promise<boolean> =>
  page.evaluate(() => {
    const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement!);
    return outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2;
  });

describe.skipIf(!(await haveServers('chromium')))('the console', () => {
  const console_ = useConsole(plantDevices(3), 120);

  it('shows charts that move soon after loading, from this server alone', async () => {
    const { page, faults } = await openTab(console_.browser, console_.url, '#/');
    const movedMs = await movement(page, '.live-card', '--series-1');
    console.log(`the charts moved ${movedMs.toFixed(0)} ms after the page was there`);
    expect(movedMs).toBeLessThan(15_000);
    const before = await page.textContent('.legend-value');
    await waitFor('another value', 4000, async () => (await page.textContent('.legend-value')) !== before);
    expect(await pixelsOf(page, '.live-card', '--series-1')).toBeGreaterThan(100);
    expect(faults).toEqual([]);
  });

  it('shows the figures, the path and the newest state of the line', async () => {
    const { page } = await openTab(console_.browser, console_.url, '#/');
    const online = /Devices online8of 8none offline/;
    await waitFor('all devices', 10_000, async () => online.test((await page.textContent('.tiles')) ?? ''));
    const tiles = await page.$$eval('.tile', (all) => all.map((tile) => tile.textContent));
    expect(tiles).toHaveLength(5);
    expect(tiles[2]).toMatch(online);
    await waitFor('all packs stored', 10_000, async () =>
      /\d+ packs stored/.test((await page.textContent('.tiles')) ?? ''),
    );
    const stops = await page.$$eval('.path h3', (all) => all.map((stop) => stop.textContent));
    expect(stops).toEqual(['Edge', 'Gateway', 'Log', 'Ingest', 'Store']);
    const ingest = await page.textContent('[data-stop="ingest"]');
    expect(ingest).toMatch(/In[\d,]+Out[\d,]+In flight\d+Dropped0/);
  });

  it('does not shift while it loads', async () => {
    const { page } = await openTab(console_.browser, console_.url, '#/');
    await page.waitForSelector('.live-card canvas');
    await page.waitForSelector('.alert-list:not([aria-busy])');
    await waitFor('a drawn line', 5000, async () => (await pixelsOf(page, '.live-card', '--series-1')) > 100);
    const shift = await page.evaluate(
      () =>
        new Promise<number>((resolve) => {
          let sum = 0;
          const observer = new PerformanceObserver((list) => {
            for (const entry of list.getEntriesByType('layout-shift'))
              sum += (entry as unknown as { value: number }).value;
            // There is one in any case, and it is told behind the shifts.
            if (list.getEntriesByType('navigation').length > 0) resolve(sum);
          });
          observer.observe({ type: 'layout-shift', buffered: true });
          observer.observe({ type: 'navigation', buffered: true });
        }),
    );
    expect(shift).toBeLessThan(0.02);
  });

  it('is walked through by keyboard alone, with a focus that can be seen', async () => {
    const { page } = await openTab(console_.browser, console_.url, '#/');
    await page.keyboard.press('Tab');
    expect(await focused(page)).toBe('A Skip to the content');
    expect(await outlined(page)).toBe(true);
    await page.keyboard.press('Enter');
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('view');
    expect(page.url()).toMatch(/#\/$/);
    await page.keyboard.type('gd');
    await page.waitForSelector('tr[data-key]');
    expect(await focused(page)).toBe('H1 Devices');
    await page.keyboard.press('/');
    await page.keyboard.type('gc press');
    expect(await page.textContent('h1')).toBe('Devices');
    await page.keyboard.press('Escape');
    await page.keyboard.type('press');
    expect(await page.$$('tr[data-key]')).toHaveLength(3);
    while (!(await focused(page)).startsWith('TR')) await page.keyboard.press('Tab');
    expect(await outlined(page)).toBe(true);
    await page.keyboard.press('ArrowDown');
    expect(await focused(page)).toMatch(/^TR press-2/);
    await page.keyboard.press('Enter');
    await page.waitForSelector('h1:text("press-2")');
    await page.waitForSelector('tr[data-key$="temperature-01"]');
    await page.keyboard.type('ga');
    await page.waitForSelector('h1:text("Alerts")');
    await page.keyboard.type('go');
    await page.waitForSelector('h1:text("Overview")');
  });

  it('explains its keys in a dialog that keeps the focus, and lets them be switched off', async () => {
    const { page } = await openTab(console_.browser, console_.url, '#/devices');
    await page.waitForSelector('tr[data-key]');
    await page.keyboard.press('?');
    await page.waitForSelector('dialog[open]');
    expect(await page.evaluate(() => document.activeElement?.closest('dialog') !== null)).toBe(true);
    await page.uncheck('dialog input');
    await page.keyboard.press('Escape');
    expect(await page.$('dialog[open]')).toBeNull();
    await page.keyboard.type('ga?');
    expect(await page.textContent('h1')).toBe('Devices');
    expect(await page.$('dialog[open]')).toBeNull();
    await page.reload();
    await page.keyboard.type('ga');
    expect(await page.textContent('h1')).toBe('Devices');
  });

  it.each(['light', 'dark'] as const)('follows the system in %s, and keeps what was chosen', async (colorScheme) => {
    const { page } = await openTab(console_.browser, console_.url, '#/', { colorScheme });
    await page.waitForSelector('.live-card canvas');
    await waitFor(
      'a line in the colour of the theme',
      5000,
      async () => (await pixelsOf(page, '.live-card', '--series-1')) > 100,
    );
    const before = await background(page);
    await page.keyboard.press('t');
    const chosen = await background(page);
    expect(chosen).not.toBe(before);
    await waitFor(
      'a line in the other colour',
      5000,
      async () => (await pixelsOf(page, '.live-card', '--series-1')) > 100,
    );
    await page.reload();
    expect(await background(page)).toBe(chosen);
    await page.click('#theme');
    expect(await background(page)).toBe(before);
  });

  it('tells of an alert as it comes, and of its end', async () => {
    const { page, faults } = await openTab(console_.browser, console_.url, '#/');
    await page.waitForSelector('.alert-list:not([aria-busy])');
    const message = 'too hot: <img src=x onerror=alert(1)> 91 °C';
    await console_.plant.alert('press-1', { severity: 'critical', message, value: 91 });
    await page.waitForSelector('.toast', { timeout: 15_000 });
    expect(await page.textContent('.toast .alert-message')).toBe(message);
    expect(await page.$('.toast img')).toBeNull();
    const said = 'critical alert: plant1, press-1, temperature-01, high';
    await page.waitForSelector(`#urgent:has-text("${said}")`, { state: 'attached' });
    await page.waitForSelector('#raised:text-is("1")');
    await page.keyboard.type('ga');
    await page.waitForSelector('section:has(h2:text("Raised now")) tr[data-key]');
    expect(await page.textContent('section:has(h2:text("Raised now")) tbody')).toMatch(
      /critical.*press-1.*91\s°C, limit 80\s°C/,
    );
    await console_.plant.alert('press-1', { severity: 'critical', state: 'cleared', message: 'cool again' });
    await page.waitForSelector('text=Nothing is raised', { timeout: 15_000 });
    await page.waitForSelector('#polite:has-text("alert cleared")', { state: 'attached' });
    await page.waitForSelector('#raised', { state: 'hidden' });
    expect(faults).toEqual([]);
  });

  it('keeps its last data while the API is away, and comes back by itself', async () => {
    const { page, faults } = await openTab(console_.browser, console_.url, '#/');
    await page.waitForSelector('.live-card canvas');
    await page.waitForSelector('.connection.ok');
    await page.evaluate(() => ((globalThis as unknown as { stays: boolean }).stays = true));
    await page.waitForSelector('[data-stop="ingest"]');
    await console_.plant.takeApi();
    onTestFinished(() => console_.plant.giveApi());
    await page.waitForSelector('.banner-in', { timeout: 15_000 });
    expect(await page.textContent('.banner')).toMatch(/API is away.*What you see is from/);
    expect(await page.textContent('.connection')).toBe('away');
    const value = await page.textContent('.legend-value');
    expect(value).toMatch(/\d/);
    await page.keyboard.type('gd');
    // The address changes at once, the view with the event that tells of it.
    await page.waitForSelector('tr[data-key]');
    expect((await page.$$('tr[data-key]')).length).toBe(8);
    await page.keyboard.type('go');
    await console_.plant.giveApi();
    await page.waitForSelector('.banner-in', { state: 'detached', timeout: 20_000 });
    await page.waitForSelector('.live-card canvas');
    const [before] = await pictures(page, '.live-card');
    await waitFor('charts that move again', 5000, async () => (await pictures(page, '.live-card'))[0] !== before);
    expect(await page.evaluate(() => (globalThis as unknown as { stays?: boolean }).stays)).toBe(true);
    expect(faults.filter((fault) => !/ERR_CONNECTION|Failed to load resource|ERR_INCOMPLETE/.test(fault))).toEqual([]);
  });

  it('shows how a rollout goes, and what each device runs', async () => {
    await console_.plant.tell(plantRollout());
    const { page, faults } = await openTab(console_.browser, console_.url, '#/');
    await page.keyboard.type('gr');
    const reads = (selector: string, words: RegExp) =>
      waitFor(`${selector} reads ${words}`, 10_000, async () => words.test((await page.textContent(selector)) ?? ''));
    await reads('[data-stage="0"]', /1\. canary.*passed.*1 device1 complete/);
    await reads('[data-stage="1"] .stage-counts', /^2 devices1 fetching1 rolled back or refused$/);
    await reads('tbody', /press-1Oven 2.*rolled back.*acknowledged no data.*press-2.*fetching/);
    expect(await page.textContent('.orders')).toContain('fieldline fleet pause');
    await console_.plant.tell([reported('press-2', { status: 'trying' }), ...pausedRollout()]);
    await reads('[data-stage="1"] .stage-counts', /1 trying/);
    await reads('.rollout', /paused.*No further device begins.*fieldline fleet resume/s);
    await reads('#polite', /Rollout of 1\.5\.0 paused\. No further device begins/);
    await page.keyboard.type('gd');
    await page.waitForSelector('tr[data-key="plant1/press-1"] .version:has-text("1.5.0 rolled back")');
    await page.fill('[data-search]', 'oven');
    await waitFor('one device', 5000, async () => (await page.$$('tr[data-key]')).length === 1);
    await page.click('tr[data-key] a');
    await page.waitForSelector('.release-line:has-text("1.2.3 → 1.5.0"):has-text("rolled back")');
    expect(await page.textContent('.facts')).toContain('TitleOven 2');
    expect(faults).toEqual([]);
  });

  it('shows a device that left, and packs that are missing', async () => {
    const { page } = await openTab(console_.browser, console_.url, '#/devices/office-berlin/floor-3');
    await page.waitForSelector('.fact-value .state.ok');
    await console_.plant.hush('floor-3');
    await page.waitForSelector('.fact-value .state.bad', { timeout: 15_000 });
    const press = console_.plant.device('press-3');
    const gap = press.nextSeq;
    press.nextSeq += 3;
    await page.keyboard.type('gd');
    await page.click('button:text("With gaps")');
    await page.waitForSelector(`tr[data-key="plant1/press-3"] :text("${gap}–${gap + 2}")`, { timeout: 15_000 });
    await page.click('button:text("Offline")');
    await waitFor('one device', 5000, async () => (await page.$$('tr[data-key]')).length === 1);
    expect(await page.textContent('tbody')).toContain('floor-3');
  });
});
