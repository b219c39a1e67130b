import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { haveServers } from '../servers/ensure.js';
import { waitFor } from '../servers/wait-for.js';
import { useConsole } from './console-bench.js';
import { openTab, pictures, pixelsOf } from './page.js';
import { plantDevices } from './plant-devices.js';

const temperature = 'series=plant1/press-01/temperature-01&series=plant1/press-02/temperature-01';

async function drawn(page: Page): Promise<void> {
  await page.waitForSelector('.served .badge');
  await waitFor('a drawn line', 5000, async () => (await pixelsOf(page, '.panel', '--series-1')) > 50);
}

async function drag(page: Page, from: number, to: number): Promise<void> {
  const box = (await page.locator('.panel .u-over').first().boundingBox())!;
  await page.mouse.move(box.x + box.width * from, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * to, box.y + box.height / 2, { steps: 6 });
  await page.mouse.up();
}

describe.skipIf(!(await haveServers('chromium')))('the charts', () => {
  const console_ = useConsole(plantDevices(26), 180);

  it('draw what the address says: a chart for each unit, with its figures', async () => {
    const hash = `#/charts?${temperature}&series=plant1/press-01/vibration-01&from=-5m`;
    const { page, faults } = await openTab(console_.browser, console_.url, hash);
    await drawn(page);
    expect(await page.$$eval('.panel h2', (all) => all.map((title) => title.textContent))).toEqual([
      'Temperature °C',
      'Vibration m/s²',
    ]);
    // A pack that was just sent may be counted and not yet stored.
    const complete = /live.*raw readings.*speed layer.*100\s% complete/;
    await waitFor('all of it', 10_000, async () => {
      if (complete.test((await page.textContent('.served')) ?? '')) return true;
      await page.reload();
      await drawn(page);
      return false;
    });
    const rows = await page.$$eval('.legend-table tbody tr', (all) => all.map((row) => row.textContent));
    expect(rows).toHaveLength(3);
    expect(rows[0]).toMatch(/^press-01(\d+(\.\d+)?\s°C){4}$/);
    const [before] = await pictures(page, '.panel');
    await waitFor('a live tail', 5000, async () => (await pictures(page, '.panel'))[0] !== before);
    expect(faults).toEqual([]);
  });

  it('overlay units with an axis for each', async () => {
    const hash = `#/charts?${temperature}&series=plant1/press-01/vibration-01&from=-5m&layout=overlay`;
    const { page } = await openTab(console_.browser, console_.url, hash);
    await drawn(page);
    expect(await page.$$('.panel')).toHaveLength(1);
    expect(await page.$$('.panel .u-axis')).toHaveLength(3);
  });

  it('mark readings that are not good', async () => {
    // A spike stands at every 97th second, so some minutes of history hold one.
    const { page } = await openTab(console_.browser, console_.url, `#/charts?${temperature}&from=-5m`);
    await drawn(page);
    await waitFor('a mark', 5000, async () => (await pixelsOf(page, '.panel', '--bad')) > 10);
  });

  it('show rollups with the band of their minima and maxima, and say so', async () => {
    const { page } = await openTab(console_.browser, console_.url, `#/charts?${temperature}&tier=1m&from=-15m`);
    await drawn(page);
    await page.waitForSelector('.served:has-text("1-minute rollups")');
    const box = (await page.locator('.panel .u-over').boundingBox())!;
    await page.mouse.move(box.x + box.width * 0.9, box.y + box.height / 2);
    await page.waitForSelector('.panel .tooltip:not([hidden]) small:text-matches("…")');
  });

  it('zoom by dragging into an address that can be shared, and back', async () => {
    const { page } = await openTab(console_.browser, console_.url, `#/charts?${temperature}&from=-5m`);
    await drawn(page);
    await drag(page, 0.5, 0.75);
    await page.waitForURL(/from=20.*&to=20/);
    await page.waitForSelector('text=a fixed range');
    const shared = page.url();
    const other = await openTab(console_.browser, console_.url, shared.slice(shared.indexOf('#')));
    await drawn(other.page);
    expect(await other.page.textContent('.served')).not.toContain('live');
    const span = await other.page.evaluate(() => {
      const params = new URLSearchParams(location.hash.split('?')[1]);
      return (Date.parse(params.get('to')!) - Date.parse(params.get('from')!)) / 1000;
    });
    expect(span).toBeGreaterThan(60);
    expect(span).toBeLessThan(90);
    await page.goBack();
    await page.waitForSelector('button[aria-pressed="true"]:text("5 min")');
  });

  it('are read and zoomed by keyboard', async () => {
    const { page } = await openTab(console_.browser, console_.url, `#/charts?${temperature}&from=-5m`);
    await drawn(page);
    await page.focus('.plot-box');
    for (let i = 0; i < 3; i += 1) await page.keyboard.press('ArrowLeft');
    await page.waitForSelector('.tooltip:not([hidden])');
    await page.waitForSelector('#polite:text-matches("press-01 [0-9.]+\\\\s°C, press-02 [0-9.]+\\\\s°C")', {
      state: 'attached',
    });
    await page.keyboard.press('+');
    await page.waitForURL(/from=20/);
  });

  it('find series by words and put them on the page', async () => {
    const { page } = await openTab(console_.browser, console_.url, '#/charts');
    await page.waitForSelector('.picker-entry');
    await page.keyboard.press('/');
    await page.keyboard.type('press-07 vibration');
    await waitFor('one found', 3000, async () => (await page.$$('.picker-entry')).length === 1);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Space');
    await page.waitForURL(/series=plant1\/press-07\/vibration-01/);
    await drawn(page);
    await page.click('button[aria-label="Remove vibration-01"]');
    await page.waitForSelector('text=Pick series to draw');
  });

  it('draw 200 series at once, and go on drawing', async () => {
    const { page, faults } = await openTab(console_.browser, console_.url, '#/charts?from=-5m');
    await page.waitForSelector('.picker-entry');
    await page.fill('.picker input[type=search]', 'plant1');
    await page.click('button:text-matches("^Add all")');
    await page.fill('.picker input[type=search]', 'office');
    await page.click('button:text-matches("^Add all")');
    await waitFor('200 series', 10_000, async () => (await page.$$('.legend-table tbody tr')).length === 200);
    await page.waitForSelector('.board:not([aria-busy]) .served .badge', { timeout: 250_000 });
    // How quick is for whoever reads the log: a test says that it goes on, however busy the machine is.
    const worstMs = await page.evaluate(async () => {
      const longMs: number[] = [];
      const observer = new PerformanceObserver((list) =>
        longMs.push(...list.getEntries().map(({ duration }) => duration)),
      );
      observer.observe({ type: 'longtask' });
      for (let frames = 0; frames < 60; frames += 1) await new Promise(requestAnimationFrame);
      observer.disconnect();
      return Math.max(0, ...longMs);
    });
    console.log(`200 series live: worst task ${worstMs.toFixed(0)} ms`);
    expect(faults).toEqual([]);
  });
});
