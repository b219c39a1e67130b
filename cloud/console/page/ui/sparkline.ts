import type { Track } from '../model/point-buffer.js';
import { svg } from './h.js';

const [width, height] = [120, 28];

/** The last minutes of a figure as a small line; a decoration, the figure stands beside it. */
export class Sparkline {
  readonly element: SVGElement;
  private readonly line = svg('path', { class: 'spark-line', 'vector-effect': 'non-scaling-stroke' });
  private readonly area = svg('path', { class: 'spark-area' });

  constructor() {
    const attributes = {
      viewBox: `0 0 ${width} ${height}`,
      preserveAspectRatio: 'none',
      class: 'spark',
      'aria-hidden': 'true',
    };
    this.element = svg('svg', attributes, this.area, this.line);
  }

  draw({ times, values }: Track): void {
    const points = [...values]
      .map((value, index) => [times[index]!, value] as const)
      .filter(([, value]) => !Number.isNaN(value));
    if (points.length < 2) return;
    const [from, to] = [points[0]![0], points.at(-1)![0]];
    const figures = points.map(([, value]) => value);
    const [low, high] = [Math.min(...figures), Math.max(...figures)];
    // What hardly moves is drawn as a calm line in the middle, not blown up to full height.
    const room = Math.max((high - low) / 2, 0.05 * Math.abs(high), 1e-9);
    const middle = (low + high) / 2;
    const path = points
      .map(([time, value]) => {
        const x = (width * (time - from)) / (to - from);
        const y = height / 2 - ((height / 2 - 3) * (value - middle)) / room;
        return `${x.toFixed(1)} ${y.toFixed(1)}`;
      })
      .join('L');
    this.line.setAttribute('d', `M${path}`);
    this.area.setAttribute('d', `M${path}L${width} ${height}L0 ${height}Z`);
  }
}
