import { h, setAttribute, type Child } from './h.js';
import { icon } from './icon.js';

export interface TableColumn<T> {
  readonly key: string;
  readonly title: string;
  /** Stands for the title on narrow screens. */
  readonly short?: string;
  /** What to sort by; without it the column is not sorted. Numbers sort as numbers, text by its digits and letters. */
  readonly sortBy?: (item: T) => number | string | null;
  /** Fills the cell; called again when the item changed. */
  readonly cell: (item: T) => Child | Child[];
  readonly numeric?: boolean;
  /** 2 is left out on narrow screens, 3 on middling ones as well. */
  readonly priority?: 1 | 2 | 3;
}

export interface TableOptions<T> {
  /** Read to those who cannot see the table. */
  readonly caption: string;
  readonly columns: readonly TableColumn<T>[];
  readonly keyOf: (item: T) => string;
  /** Equal fingerprints mean an unchanged row: it is not drawn again. */
  readonly fingerprint: (item: T) => string;
  /** What Enter or a click on a row opens. */
  readonly onOpen?: (item: T) => void;
  readonly sort?: Sort;
  readonly onSort?: (sort: Sort) => void;
}

export interface Sort {
  readonly key: string;
  readonly descending: boolean;
}

interface Row<T> {
  readonly element: HTMLTableRowElement;
  item: T;
  fingerprint: string;
}

/** A table that is sorted by its headers, moved through by the arrow keys, and changed row by row as data comes. */
export class DataTable<T> {
  readonly element: HTMLDivElement;
  private readonly body = h('tbody');
  private readonly headers: HTMLTableCellElement[];
  private readonly rows = new Map<string, Row<T>>();
  private items: readonly T[] = [];
  private sort: Sort | undefined;

  constructor(private readonly options: TableOptions<T>) {
    this.sort = options.sort;
    this.headers = options.columns.map((column) => this.header(column));
    const head = h('thead', null, h('tr', null, ...this.headers));
    const table = h('table', { class: 'table' }, h('caption', { class: 'hidden' }, options.caption), head, this.body);
    this.element = h('div', { class: 'table-wrap' }, table);
    this.body.addEventListener('keydown', (event) => this.moved(event));
    this.body.addEventListener('click', (event) => this.clicked(event));
    this.showSort();
  }

  /** Shows these items; rows that stay keep their place in the document and the focus. */
  update(items: readonly T[]): void {
    this.items = items;
    const wanted = this.sorted(items).map((item) => this.row(item));
    const kept = new Set(wanted);
    for (const [key, row] of this.rows) if (!kept.has(row)) this.remove(key, row);
    this.arrange(wanted.map(({ element }) => element));
    this.ensureEntry();
  }

  private header(column: TableColumn<T>): HTMLTableCellElement {
    const classes = this.classes(column);
    if (!column.sortBy) return h('th', { scope: 'col', class: classes }, ...titles(column));
    const button = h('button', { class: 'sort', type: 'button', on: { click: () => this.sortBy(column.key) } });
    button.append(...titles(column), h('span', { class: 'sort-mark', 'aria-hidden': 'true' }));
    return h('th', { scope: 'col', class: classes }, button);
  }

  private classes({ numeric, priority }: TableColumn<T>): string {
    return `${numeric ? 'num ' : ''}p${priority ?? 1}`;
  }

  private sortBy(key: string): void {
    const same = this.sort?.key === key;
    const sort = { key, descending: same && !this.sort!.descending };
    this.sort = sort;
    this.showSort();
    this.update(this.items);
    this.options.onSort?.(sort);
  }

  private showSort(): void {
    for (const [index, { key, sortBy }] of this.options.columns.entries()) {
      const direction = this.sort?.descending ? 'descending' : 'ascending';
      const state = sortBy && (this.sort?.key === key ? direction : 'none');
      setAttribute(this.headers[index]!, 'aria-sort', state);
    }
  }

  private sorted(items: readonly T[]): readonly T[] {
    const { sort } = this;
    const by = this.options.columns.find(({ key }) => key === sort?.key)?.sortBy;
    if (!by || !sort) return items;
    const sign = sort.descending ? -1 : 1;
    return [...items].sort((a, b) => sign * compare(by(a), by(b)));
  }

  private row(item: T): Row<T> {
    const key = this.options.keyOf(item);
    const fingerprint = this.options.fingerprint(item);
    let row = this.rows.get(key);
    if (row?.fingerprint === fingerprint) {
      row.item = item;
      return row;
    }
    row ??= { element: h('tr', { tabindex: -1, 'data-key': key }), item, fingerprint };
    row.item = item;
    row.fingerprint = fingerprint;
    fill(
      row.element,
      this.options.columns.map((column) => this.cell(column, item)),
    );
    this.rows.set(key, row);
    return row;
  }

  private cell(column: TableColumn<T>, item: T): HTMLTableCellElement {
    const content = column.cell(item);
    return h('td', { class: this.classes(column) }, ...(Array.isArray(content) ? content : [content]));
  }

  private remove(key: string, row: Row<T>): void {
    row.element.remove();
    this.rows.delete(key);
  }

  /** Moves only what stands elsewhere; moving an element would take its focus. */
  private arrange(wanted: readonly HTMLTableRowElement[]): void {
    const focused = document.activeElement;
    for (const [index, element] of wanted.entries())
      if (this.body.children[index] !== element) this.body.insertBefore(element, this.body.children[index] ?? null);
    if (focused instanceof HTMLElement && focused !== document.activeElement && this.body.contains(focused))
      focused.focus();
  }

  /** One row can be reached by Tab: the first, until another was. */
  private ensureEntry(): void {
    if (!this.body.querySelector('tr[tabindex="0"]')) this.body.querySelector('tr')?.setAttribute('tabindex', '0');
  }

  private moved(event: KeyboardEvent): void {
    const row = (event.target as Element).closest('tr');
    if (!row) return;
    if (event.key === 'Enter' && event.target === row) return this.open(row);
    const target = neighbour(row, event.key);
    if (!target) return;
    event.preventDefault();
    for (const other of this.body.querySelectorAll('tr[tabindex="0"]')) other.setAttribute('tabindex', '-1');
    target.setAttribute('tabindex', '0');
    target.focus();
  }

  private clicked(event: MouseEvent): void {
    const target = event.target as Element;
    const row = target.closest('tr');
    if (row && !target.closest('a, button, input') && getSelection()?.isCollapsed !== false) this.open(row);
  }

  private open(element: Element): void {
    const row = this.rows.get((element as HTMLElement).dataset['key'] ?? '');
    if (row) this.options.onOpen?.(row.item);
  }
}

function titles({ title, short }: { title: string; short?: string }): (string | HTMLElement)[] {
  if (short === undefined) return [title];
  return [h('span', { class: 'wide-only' }, title), h('span', { class: 'narrow-only' }, short)];
}

/** Replaces the cells that changed; the others keep their place, and a link in them its focus. */
function fill(row: HTMLTableRowElement, cells: readonly HTMLTableCellElement[]): void {
  if (row.cells.length !== cells.length) return row.replaceChildren(...cells);
  for (const [index, cell] of cells.entries())
    if (!row.cells[index]!.isEqualNode(cell)) row.cells[index]!.replaceWith(cell);
}

function neighbour(row: Element, key: string): HTMLElement | null {
  const all = row.parentElement!.children;
  const found = {
    ArrowDown: row.nextElementSibling,
    ArrowUp: row.previousElementSibling,
    Home: all[0],
    End: all[all.length - 1],
  }[key];
  return (found as HTMLElement | undefined) ?? null;
}

/** Nothing known stands last when ascending. */
function compare(a: number | string | null, b: number | string | null): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return String(a).localeCompare(String(b), undefined, { numeric: true });
}

/** A message in the place of a table or chart. */
export function placeholder(title: string, detail: Child, kind: 'empty' | 'failed' = 'empty'): HTMLElement {
  const sign = icon(kind === 'empty' ? 'info' : 'warning');
  return h(
    'div',
    { class: `placeholder ${kind}` },
    sign,
    h('p', { class: 'placeholder-title' }, title),
    h('p', null, detail),
  );
}
