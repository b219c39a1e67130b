import { svg } from './h.js';

/** Strokes on a grid of 16; our own drawings. */
const paths = {
  overview: 'M2 2.5h5v6H2zM9 2.5h5v3.5H9zM9 8.5h5v5H9zM2 11h5v2.5H2z',
  devices: 'M3 4h10v8H3zM6 7h4v2H6zM5.5 4V2M10.5 4V2M5.5 14v-2M10.5 14v-2',
  charts: 'M2 13.5h12M2.5 10.5l3.2-4 2.8 2.5 4.5-6',
  alerts: 'M8 2a4 4 0 0 1 4 4c0 3.5 1.5 4.5 1.5 5.5h-11C2.5 10.5 4 9.5 4 6a4 4 0 0 1 4-4zM6.7 13.5h2.6',
  edge: 'M3 4h10v8H3zM6 7h4v2H6zM5.5 4V2M10.5 4V2M5.5 14v-2M10.5 14v-2',
  gateway: 'M2 9.5h12v4H2zM4.5 11.5h.1M8 9.5V6M5.2 4.8a4 4 0 0 1 5.6 0M3.5 3a6.4 6.4 0 0 1 9 0',
  log: 'M2 3.5h12M2 6.5h12M2 9.5h12M2 12.5h7',
  ingest: 'M8 2v7M5 6.5l3 3 3-3M2.5 10v3.5h11V10',
  store:
    'M2.5 4c0-1.1 2.5-2 5.5-2s5.5.9 5.5 2-2.5 2-5.5 2-5.5-.9-5.5-2zM2.5 4v8c0 1.1 2.5 2 5.5 2s5.5-.9 5.5-2V4M2.5 8c0 1.1 2.5 2 5.5 2s5.5-.9 5.5-2',
  other: 'M3 3h10v10H3z',
  sun: 'M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1',
  moon: 'M13.5 9.5A6 6 0 0 1 6.5 2.5a6 6 0 1 0 7 7z',
  help: 'M8 14.5a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM6.2 6.2c0-2.4 3.7-2.3 3.7 0 0 1.4-1.9 1.5-1.9 2.9M8 11.3h.05',
  search: 'M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.6 10.6L14 14',
  close: 'M3.5 3.5l9 9M12.5 3.5l-9 9',
  check: 'M3 8.5l3.3 3.3L13 4.8',
  warning: 'M8 2.5L14.5 13.5h-13zM8 6.5v3.3M8 11.6h.05',
  critical: 'M5.3 1.5h5.4l3.8 3.8v5.4l-3.8 3.8H5.3l-3.8-3.8V5.3zM8 4.8v4M8 11h.05',
  info: 'M8 14.5a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM8 7.3v4M8 5h.05',
  arrow: 'M3 8h10M9.5 4.5L13 8l-3.5 3.5',
  link: 'M6.5 9.5l3-3M7 4.5l1.2-1.2a3 3 0 0 1 4.3 4.3L11.2 9M9 11.5l-1.2 1.2a3 3 0 0 1-4.3-4.3L4.8 7',
  open: 'M6 3H3v10h10v-3M9 3h4v4M13 3L7.5 8.5',
  back: 'M6 3.5L2.5 7 6 10.5M2.5 7H10a3.5 3.5 0 0 1 0 7H7',
  plus: 'M8 3v10M3 8h10',
} as const;
export type IconName = keyof typeof paths;

/** A decoration: what it means must stand in text beside it or in a label. */
export function icon(name: IconName): SVGElement {
  const attributes = { viewBox: '0 0 16 16', class: `icon icon-${name}`, 'aria-hidden': 'true', focusable: 'false' };
  return svg('svg', attributes, svg('path', { d: paths[name] }));
}
