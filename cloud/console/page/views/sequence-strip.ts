import type { DeviceView } from '../api/types.js';
import { formatCount, formatRanges, formatShare } from '../model/format.js';
import { h, svg } from '../ui/h.js';

/** All pack numbers of an outbox's life as a strip: what is stored, and the gaps, never thinner than a pixel. */
export function sequenceStrip({ lastSeq, missing, completeness }: DeviceView): HTMLElement {
  const width = 1000;
  const total = (lastSeq ?? -1) + 1;
  const gaps = missing.map(([from, to]) => {
    const size = Math.max(4, (width * (to - from + 1)) / Math.max(1, total));
    return svg('rect', {
      class: 'gap',
      x: Math.min(width - size, (width * from) / Math.max(1, total)),
      y: 0,
      width: size,
      height: 10,
    });
  });
  const attributes = { viewBox: `0 0 ${width} 10`, preserveAspectRatio: 'none', class: 'strip', 'aria-hidden': 'true' };
  const whole = svg('rect', { class: 'whole', x: 0, y: 0, width, height: 10 });
  const words =
    missing.length === 0 ? `${formatCount(total)} packs, none missing` : `missing: ${formatRanges(missing, 6)}`;
  return h(
    'div',
    { class: 'strip-box', role: 'img', 'aria-label': `Completeness ${formatShare(completeness)}, ${words}` },
    svg('svg', attributes, whole, ...gaps),
  );
}
