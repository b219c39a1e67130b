import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { chromium, type Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findChromium } from './chromium.js';
import { haveServers } from './ensure.js';

const page = '<body style="margin:0;background:#0a0"><button onclick="this.textContent=6*7">press</button></body>';

describe.skipIf(!(await haveServers('chromium')))('chromium', () => {
  const site = createServer((_, response) => response.setHeader('content-type', 'text/html').end(page));
  let browser: Browser;
  beforeAll(async () => {
    site.listen(0, '127.0.0.1');
    await once(site, 'listening');
    browser = await chromium.launch(await findChromium());
  });
  afterAll(async () => {
    await browser?.close();
    site.close();
  });

  test('runs a script and takes a screenshot', async () => {
    const tab = await browser.newPage({ viewport: { width: 320, height: 200 } });
    await tab.goto(`http://127.0.0.1:${(site.address() as AddressInfo).port}/`);
    await tab.click('button');
    expect(await tab.textContent('button')).toBe('42');
    const image = await tab.screenshot();
    expect(image.subarray(1, 4).toString()).toBe('PNG');
    expect([image.readUInt32BE(16), image.readUInt32BE(20)]).toEqual([320, 200]);
  });
});
