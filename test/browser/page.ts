import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { onTestFinished } from 'vitest';

/** A tab of the console, and everything that went wrong in it. */
export interface Tab {
  readonly page: Page;
  /** Errors of scripts, words in the browser's console, breaches of the content security policy, foreign requests. */
  readonly faults: string[];
}

/** Opens a view in a fresh context, which is closed when the test ends. */
export async function openTab(
  browser: Browser,
  url: string,
  hash: string,
  options: BrowserContextOptions = {},
): Promise<Tab> {
  const viewport = { width: 1440, height: 900 };
  const context = await browser.newContext({ viewport, locale: 'en-GB', timezoneId: 'Europe/Berlin', ...options });
  onTestFinished(() => context.close());
  const page = await context.newPage();
  await page.addInitScript(installInk);
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(`script: ${error.message}`));
  page.on('console', (message) => {
    // Said of our own looking at the canvas.
    if (message.text().includes('willReadFrequently')) return;
    if (['error', 'warning'].includes(message.type())) faults.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(url)) faults.push(`foreign request: ${request.url()}`);
  });
  await page.goto(`${url}/${hash}`);
  return { page, faults };
}

/** A digest of what each canvas in `selector` shows. */
export function pictures(page: Page, selector: string): Promise<string[]> {
  return page.$$eval(`${selector} canvas`, (all) => (all as HTMLCanvasElement[]).map((canvas) => canvas.toDataURL()));
}

/** How many pixels of the first canvas in `selector` have the colour of a custom property, or nearly. */
export function pixelsOf(page: Page, selector: string, property: string): Promise<number> {
  return page.evaluate(({ selector: inside, property: name }) => globalThis.inkOf(inside, name), {
    selector,
    property,
  });
}

/**
 * When the first chart in `selector` had moved, in milliseconds since the page was loaded. The first picture of its
 * line may be of a chart that waits for its history: two changes of it are a movement.
 */
export function movement(page: Page, selector: string, property: string): Promise<number> {
  return page.evaluate(
    async ({ selector: inside, property: name }) => {
      const shown = new Set<string>();
      while (shown.size < 3) {
        await new Promise(requestAnimationFrame);
        const canvas = document.querySelector<HTMLCanvasElement>(`${inside} canvas`);
        if (canvas && globalThis.inkOf(inside, name) > 100) shown.add(canvas.toDataURL());
      }
      const [loading] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[];
      return performance.now() - loading!.loadEventEnd;
    },
    { selector, property },
  );
}

declare global {
  /** Counts the pixels of the first canvas in `selector` that have the colour of a custom property, or nearly. */
  var inkOf: (selector: string, property: string) => number;
}

/** Installed in each page before its own scripts. */
function installInk(): void {
  globalThis.inkOf = (selector, property) => {
    const canvas = document.querySelector<HTMLCanvasElement>(`${selector} canvas`);
    if (!canvas) return 0;
    const probe = document.body.appendChild(document.createElement('span'));
    probe.style.color = `var(${property})`;
    const wanted = getComputedStyle(probe).color.match(/\d+/g)!.map(Number);
    probe.remove();
    const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
    let count = 0;
    for (let i = 0; i < data.length; i += 4) {
      const near = [0, 1, 2].every((channel) => Math.abs(data[i + channel]! - wanted[channel]!) < 12);
      if (near && data[i + 3]! > 200) count += 1;
    }
    return count;
  };
}
