import type { QueryAnswer } from '../api/types.js';
import { formatCount, formatShare, plural } from '../model/format.js';
import { badge } from '../ui/badges.js';
import { h } from '../ui/h.js';

const tierNames = {
  raw: 'raw readings',
  '1m': '1-minute rollups',
  '1h': '1-hour rollups',
  '1d': 'daily rollups',
} as const;

/** What the answer says of itself: its tier, the layer that served it, how complete it is, and where it was cut. */
export function servedBy(answer: QueryAnswer, limit: number, live: boolean): HTMLElement[] {
  const points = answer.series.reduce((sum, { columns }) => sum + columns.timeUs.length, 0);
  const parts = [
    badge('info', 'store', tierNames[answer.tier]),
    badge('quiet', null, `${answer.layer} layer`),
    completenessBadge(answer),
    h('span', { class: 'muted' }, plural(points, 'point')),
  ];
  if (live) parts.unshift(liveMark());
  const cut = answer.series.some(({ columns }) => columns.timeUs.length >= limit);
  if (cut)
    parts.push(
      badge(
        'warn',
        'warning',
        `only the newest ${formatCount(limit)} points of each series fit; choose a coarser resolution`,
      ),
    );
  if (points === 0) parts.push(badge('warn', 'info', 'no readings in this range'));
  return parts;
}

function liveMark(): HTMLElement {
  return h('span', { class: 'state ok live-mark' }, h('span', { class: 'dot pulse' }), 'live');
}

function completenessBadge({ completeness }: QueryAnswer): HTMLElement {
  const received = completeness.reduce((sum, one) => sum + one.received, 0);
  const expected = completeness.reduce((sum, one) => sum + one.expected, 0);
  if (expected === 0) return badge('quiet', null, 'completeness unknown');
  const text = `${formatShare(received / expected)} complete`;
  const element = received === expected ? badge('ok', 'check', text) : badge('warn', 'warning', text);
  element.title = `${formatCount(received)} of ${plural(expected, 'pack')} of the devices shown are stored`;
  return element;
}
