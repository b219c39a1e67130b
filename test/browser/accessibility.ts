import type { Page } from 'playwright-core';

/** Checks in the page what a machine can check of WCAG 2.2 AA; each fault is one sentence. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  return [
    ...(await page.evaluate(structureFaults)),
    ...(await page.evaluate(contrastFaults)),
    ...(await unnamed(page)),
  ];
}

/** Landmarks, headings, ids, labels of images and tables. Runs in the page. */
function structureFaults(): string[] {
  const faults: string[] = [];
  const one = (selector: string): void => {
    const count = document.querySelectorAll(selector).length;
    if (count !== 1) faults.push(`${count} of ${selector}`);
  };
  for (const selector of ['h1', 'main', 'body > header', 'nav[aria-label]', 'html[lang]']) one(selector);
  const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) faults.push(`id ${id} twice`);
  for (const image of document.querySelectorAll('img:not([alt])')) faults.push(`image without alt: ${image.outerHTML}`);
  for (const table of document.querySelectorAll('table')) if (!table.caption) faults.push('table without caption');
  for (const svg of document.querySelectorAll('svg:not([aria-hidden])')) faults.push(`bare svg: ${svg.outerHTML}`);
  let level = 1;
  for (const heading of document.querySelectorAll('h1, h2, h3, h4')) {
    const own = Number(heading.tagName[1]);
    if (own > level + 1) faults.push(`heading skips to ${heading.outerHTML}`);
    level = own;
  }
  return [...new Set(faults)];
}

/** Text whose contrast to what lies behind it is below 4.5, or 3 where it is large. Runs in the page. */
function contrastFaults(): string[] {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = 1;
  const context = canvas.getContext('2d', { willReadFrequently: true })!;
  type Rgba = readonly [number, number, number, number];
  // The canvas understands every notation of CSS.
  const read = (color: string): Rgba => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = color;
    context.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = context.getImageData(0, 0, 1, 1).data;
    return [r!, g!, b!, a! / 255];
  };
  const over = (top: Rgba, below: Rgba): Rgba => {
    const mix = (index: 0 | 1 | 2): number => top[index] * top[3] + below[index] * (1 - top[3]);
    return [mix(0), mix(1), mix(2), 1];
  };
  const behind = (element: Element): Rgba => {
    const layers: Rgba[] = [];
    for (let e: Element | null = element; e; e = e.parentElement)
      layers.push(read(getComputedStyle(e).backgroundColor));
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1] as Rgba);
  };
  const luminance = ([r, g, b]: Rgba): number => {
    const linear = (c: number): number => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  };
  const faults = new Set<string>();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement!;
    const text = walker.currentNode.textContent!.trim();
    const style = getComputedStyle(element);
    if (text === '' || !element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    if (element.closest('.hidden, .skip, noscript, script, option')) continue;
    const background = behind(element);
    const [a, b] = [luminance(over(read(style.color), background)), luminance(background)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const large =
      parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5))
      faults.add(`contrast ${ratio.toFixed(2)} of "${text.slice(0, 30)}" (${element.className})`);
  }
  return [...faults];
}

const interactive = new Set([
  'button',
  'link',
  'checkbox',
  'searchbox',
  'textbox',
  'combobox',
  'img',
  'region',
  'group',
]);

/** Nodes of the browser's own accessibility tree that a person can act on, and that have no name. */
async function unnamed(page: Page): Promise<string[]> {
  const session = await page.context().newCDPSession(page);
  const { nodes } = await session.send('Accessibility.getFullAXTree');
  await session.detach();
  return nodes
    .filter(({ ignored, role }) => !ignored && interactive.has(String(role?.value)))
    .filter(({ name, role }) => !name?.value && role?.value !== 'group')
    .map(({ role }) => `${String(role?.value)} without a name`);
}

/** The accessible roles on the page, for checks that a landmark is what it should be. */
export async function roles(page: Page): Promise<Set<string>> {
  const session = await page.context().newCDPSession(page);
  const { nodes } = await session.send('Accessibility.getFullAXTree');
  await session.detach();
  return new Set(nodes.filter(({ ignored }) => !ignored).map(({ role }) => String(role?.value)));
}
