import { svg } from '../ui/h.js';
import { dashOf, paletteSize } from './palette.js';

/** A piece of a series' line, in its colour and dash. */
export function swatch(color: number): SVGElement {
  const attributes = {
    viewBox: '0 0 16 4',
    class: `swatch series-${(color % paletteSize) + 1}`,
    'aria-hidden': 'true',
  };
  const line = svg('line', { x1: 0, y1: 2, x2: 16, y2: 2, 'stroke-dasharray': dashOf(color).join(' ') || 'none' });
  return svg('svg', attributes, line);
}
