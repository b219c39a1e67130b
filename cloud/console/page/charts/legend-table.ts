import { formatValue } from '../model/format.js';
import { summarise } from '../model/track-shape.js';
import { h, setText } from '../ui/h.js';
import { icon } from '../ui/icon.js';
import type { Line, Window } from './line.js';
import { swatch } from './swatch.js';

export interface LegendActions {
  readonly onToggle: (key: string, hidden: boolean) => void;
  /** The line that the pointer or the focus is on. */
  readonly onHighlight: (key: string | undefined) => void;
  /** Takes a series off the chart; undefined where that is not offered. */
  readonly onRemove?: ((key: string) => void) | undefined;
}

interface Entry {
  readonly line: Line;
  readonly row: HTMLTableRowElement;
  readonly cells: Readonly<Record<'last' | 'min' | 'mean' | 'max', HTMLTableCellElement>>;
}

/** The lines of a chart with their figures over the time shown. */
export class LegendTable {
  readonly element: HTMLElement;
  private readonly entries: readonly Entry[];

  constructor(
    lines: readonly Line[],
    title: string,
    private readonly actions: LegendActions,
  ) {
    this.entries = lines.map((line) => this.entry(line));
    const heads = ['Series', 'Last', 'Min', 'Mean', 'Max'].map((text, index) =>
      h('th', { scope: 'col', class: index === 0 ? '' : 'num' }, text),
    );
    const head = h(
      'thead',
      null,
      h('tr', null, ...heads, actions.onRemove && h('th', null, h('span', { class: 'hidden' }, 'Remove'))),
    );
    const body = h('tbody', null, ...this.entries.map(({ row }) => row));
    const caption = h('caption', { class: 'hidden' }, `${title}: series and their values over the time shown`);
    const table = h('table', { class: 'table legend-table' }, caption, head, body);
    this.element = h('div', { class: 'table-wrap legend-wrap', tabindex: lines.length > 6 ? 0 : null }, table);
  }

  /** Brings the figures up to date for a window of time. */
  refresh({ fromMs, toMs }: Window): void {
    for (const { line, cells } of this.entries) {
      const track = line.buffer.track();
      const summary = summarise(track, fromMs, toMs);
      const show = (cell: HTMLElement, value: number | undefined): void =>
        setText(cell, value === undefined || Number.isNaN(value) ? '–' : formatValue(value, line.unit));
      show(cells.last, track.values.at(-1));
      show(cells.min, summary?.min);
      show(cells.mean, summary?.mean);
      show(cells.max, summary?.max);
    }
  }

  private entry(line: Line): Entry {
    const cells = { last: cell(), min: cell(), mean: cell(), max: cell() };
    const row = h(
      'tr',
      null,
      h('th', { scope: 'row' }, this.toggle(line)),
      cells.last,
      cells.min,
      cells.mean,
      cells.max,
    );
    if (this.actions.onRemove) row.append(h('td', { class: 'num' }, this.remover(line)));
    const { onHighlight } = this.actions;
    row.addEventListener('pointerenter', () => onHighlight(line.key));
    row.addEventListener('pointerleave', () => onHighlight(undefined));
    row.addEventListener('focusin', () => onHighlight(line.key));
    row.addEventListener('focusout', () => onHighlight(undefined));
    return { line, row, cells };
  }

  private toggle(line: Line): HTMLElement {
    const button = h('button', { type: 'button', class: 'legend-toggle', 'aria-pressed': 'true', title: line.key });
    button.append(swatch(line.color), h('span', null, line.name));
    button.addEventListener('click', () => {
      const hidden = button.getAttribute('aria-pressed') === 'true';
      button.setAttribute('aria-pressed', String(!hidden));
      this.actions.onToggle(line.key, hidden);
    });
    return button;
  }

  private remover(line: Line): HTMLElement {
    const label = `Remove ${line.name}`;
    const click = (): void => this.actions.onRemove?.(line.key);
    return h(
      'button',
      { type: 'button', class: 'icon-button small', 'aria-label': label, title: label, on: { click } },
      icon('close'),
    );
  }
}

function cell(): HTMLTableCellElement {
  return h('td', { class: 'num' }, '–');
}
