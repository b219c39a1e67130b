import type { DeviceView } from '../api/types.js';
import { arrivalOf } from '../model/arrival.js';
import { formatCount, formatRanges, formatShare } from '../model/format.js';
import { h, svg } from '../ui/h.js';

const width = 1000;

/** All pack numbers of an outbox's life as a strip: what is stored, the gaps, never thinner than a pixel, and the tail that is on its way. */
export function sequenceStrip(device: DeviceView): HTMLElement {
  const { gaps, onTheWay, share } = arrivalOf(device);
  const total = (device.lastSeq ?? -1) + 1;
  const parts = gaps.map(([from, to]) => part('gap', from, to, total));
  if (onTheWay > 0) parts.push(part('way', total - onTheWay, total - 1, total));
  const attributes = { viewBox: `0 0 ${width} 10`, preserveAspectRatio: 'none', class: 'strip', 'aria-hidden': 'true' };
  const whole = svg('rect', { class: 'whole', x: 0, y: 0, width, height: 10 });
  const words = gaps.length === 0 ? `${formatCount(total)} packs, none missing` : `missing: ${formatRanges(gaps, 6)}`;
  const label = `Completeness ${formatShare(share)}, ${words}`;
  return h('div', { class: 'strip-box', role: 'img', 'aria-label': label }, svg('svg', attributes, whole, ...parts));
}

function part(kind: string, from: number, to: number, total: number): SVGElement {
  const size = Math.max(4, (width * (to - from + 1)) / Math.max(1, total));
  const x = Math.min(width - size, (width * from) / Math.max(1, total));
  return svg('rect', { class: kind, x, y: 0, width: size, height: 10 });
}
