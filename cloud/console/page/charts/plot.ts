import uPlot from 'uplot';
import type { FrameLoop } from '../ui/frames.js';
import { niceRange } from '../model/scale-range.js';
import { summarise } from '../model/track-shape.js';
import { scaleOf, unitsOf, type Line, type Window } from './line.js';
import { paintLines } from './paint.js';
import type { Palette } from './palette.js';
import { plotOptions } from './plot-options.js';

export interface PlotInput {
  readonly host: HTMLElement;
  readonly lines: readonly Line[];
  readonly palette: () => Palette;
  readonly frames: FrameLoop;
  readonly syncKey?: string;
  /** The time under the cursor, undefined when it left; `own` if the pointer is in this plot and not in a synchronous one. */
  readonly onCursor?: (timeMs: number | undefined, leftPx: number, own: boolean) => void;
  /** A range was dragged. */
  readonly onZoom?: (window: Window) => void;
}

/** One chart: uPlot's frame around lines that are read straight from their buffers, so that nothing is copied to draw. */
export class Plot {
  private plot: uPlot | undefined;
  private window: Window | undefined;
  private bucketMs = 0;
  private focus: string | undefined;
  private readonly hidden = new Set<string>();
  private readonly resize: ResizeObserver;
  private readonly seen: IntersectionObserver;
  private inView = true;
  private readonly drawNow = (): void => this.render();

  constructor(private readonly input: PlotInput) {
    this.resize = new ResizeObserver(() => this.input.frames.request(this.drawNow));
    const seen = (entries: readonly IntersectionObserverEntry[]): void => this.looked(entries.at(-1)!.isIntersecting);
    this.seen = new IntersectionObserver(seen, { rootMargin: '200px' });
    this.resize.observe(input.host);
    this.seen.observe(input.host);
  }

  /** Shows a window of time in the next frame; out of sight it is only remembered. */
  show(window: Window, bucketMs: number): void {
    const first = this.window === undefined;
    this.window = window;
    this.bucketMs = bucketMs;
    if (this.inView || first) this.input.frames.request(this.drawNow);
  }

  /** Lets one line stand out, or none. */
  highlight(key: string | undefined): void {
    this.focus = key;
    this.input.frames.request(this.drawNow);
  }

  hide(key: string, hidden: boolean): void {
    if (hidden) this.hidden.add(key);
    else this.hidden.delete(key);
    this.input.frames.request(this.drawNow);
  }

  /** Puts the cursor at a time, as a pointer would; undefined takes it away. */
  point(timeMs: number | undefined): void {
    const { plot } = this;
    if (!plot) return;
    if (timeMs === undefined) plot.setCursor({ left: -10, top: -10 });
    else plot.setCursor({ left: plot.valToPos(timeMs, 'x'), top: 10 });
  }

  dispose(): void {
    this.resize.disconnect();
    this.seen.disconnect();
    this.input.frames.cancel(this.drawNow);
    this.plot?.destroy();
  }

  private looked(inView: boolean): void {
    this.inView = inView;
    if (inView) this.input.frames.request(this.drawNow);
  }

  private render(): void {
    const { clientWidth: width, clientHeight: height } = this.input.host;
    if (!this.window || width < 20 || height < 20) return;
    this.plot ??= this.create(width, height);
    if (this.plot.width !== width || this.plot.height !== height) this.plot.setSize({ width, height });
    this.setScales(this.plot, this.window);
  }

  private get shown(): Line[] {
    return this.input.lines.filter(({ key }) => !this.hidden.has(key));
  }

  private setScales(plot: uPlot, window: Window): void {
    const { fromMs, toMs } = window;
    plot.batch(() => {
      plot.setData([[fromMs, toMs], ...unitsOf(this.input.lines).map(() => [null, null])], false);
      plot.setScale('x', { min: fromMs, max: toMs });
      for (const unit of unitsOf(this.input.lines)) {
        const [min, max] = this.valueRange(unit, window);
        plot.setScale(scaleOf(unit), { min, max });
      }
    });
  }

  private valueRange(unit: string, { fromMs, toMs }: Window): [number, number] {
    let [min, max] = [Infinity, -Infinity];
    for (const line of this.shown) {
      const summary = line.unit === unit && summarise(line.buffer.track(), fromMs, toMs);
      if (summary) [min, max] = [Math.min(min, summary.min), Math.max(max, summary.max)];
    }
    return min > max ? [0, 1] : niceRange(min, max, unit);
  }

  private create(width: number, height: number): uPlot {
    const { host, lines, palette, syncKey, onZoom } = this.input;
    const hooks: uPlot.Hooks.Arrays = {
      draw: [
        (plot) => paintLines(plot, this.shown, { palette: palette(), bucketMs: this.bucketMs, focus: this.focus }),
      ],
      setCursor: [(plot) => this.pointed(plot)],
      setSelect: [(plot) => this.selected(plot)],
    };
    const zoom = onZoom !== undefined;
    const options = plotOptions({ width, height, units: unitsOf(lines), palette, syncKey, zoom, hooks });
    return new uPlot(options, [[], ...unitsOf(lines).map(() => [])], host);
  }

  private pointed(plot: uPlot): void {
    const left = plot.cursor.left ?? -1;
    const gone = left < 0 || plot.scales['x']?.min === undefined;
    this.input.onCursor?.(
      gone ? undefined : plot.posToVal(left, 'x'),
      left + plot.over.offsetLeft,
      plot.over.matches(':hover'),
    );
  }

  private selected(plot: uPlot): void {
    const { left, width } = plot.select;
    if (width < 6) return;
    const window = { fromMs: plot.posToVal(left, 'x'), toMs: plot.posToVal(left + width, 'x') };
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.input.onZoom?.(window);
  }
}
