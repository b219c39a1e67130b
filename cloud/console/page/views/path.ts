import type { App } from '../app.js';
import { formatCount, formatRate } from '../model/format.js';
import { isLoss, pathStops, type Stop, type StopCounts } from '../model/path-stops.js';
import type { Scope } from '../model/scope.js';
import type { PipelineReport } from '../state/pipeline-data.js';
import { badge } from '../ui/badges.js';
import { h, replace, setText } from '../ui/h.js';
import { icon, type IconName } from '../ui/icon.js';

/** One stop as a card of the row. */
class StopCard {
  readonly element: HTMLLIElement;
  private readonly rate = h('span', { class: 'stop-rate' });
  private readonly state = h('span', { class: 'stop-state' });
  private readonly figures = h('dl', { class: 'stop-figures' });
  private readonly facts = h('div', { class: 'stop-facts' });
  private shown = '';

  constructor({ id, title, what }: Stop) {
    const head = h('header', null, icon(id as IconName), h('h3', null, title), this.state);
    const card = h('div', { class: 'card stop' }, head, h('p', { class: 'stop-what' }, what), this.figures, this.facts);
    const link = h('div', { class: 'stop-link', 'aria-hidden': 'true' }, this.rate);
    this.element = h('li', { class: 'stop-item', 'data-stop': id }, link, card);
  }

  show(stop: Stop, rate: number | null): void {
    setText(this.rate, rate === null ? '' : formatRate(rate));
    const key = JSON.stringify(stop);
    if (key === this.shown) return;
    this.shown = key;
    replace(this.state, health(stop));
    const facts = stop.facts.map((fact) => h('p', { class: 'stop-fact' }, fact));
    const silent =
      stop.counts || facts.length > 0 ? null : h('p', { class: 'stop-fact muted' }, 'counts in its own process');
    replace(this.figures, ...(stop.counts ? counted(stop.counts) : []));
    replace(this.facts, ...facts, silent);
  }
}

function health({ healthy, counts }: Stop): HTMLElement {
  if (!healthy) return badge('bad', 'critical', 'away');
  const losses = counts?.reasons.filter(([reason]) => isLoss(reason)) ?? [];
  if (counts && counts.unaccounted !== 0) return badge('bad', 'critical', 'does not add up');
  return losses.length > 0 ? badge('warn', 'warning', 'drops') : badge('ok', 'check', 'ok');
}

function counted({ in: taken, out, dropped, inFlight, unaccounted, reasons }: StopCounts): HTMLElement[] {
  const rows = [figure('In', taken), figure('Out', out), figure('In flight', inFlight), figure('Dropped', dropped)];
  for (const [reason, count] of reasons.slice(0, 3))
    rows.push(figure(reason, count, isLoss(reason) ? 'reason loss' : 'reason'));
  if (reasons.length > 3) rows.push(h('div', { class: 'stop-fact' }, `and ${reasons.length - 3} more reasons`));
  if (unaccounted !== 0) rows.push(figure('Unaccounted', unaccounted, 'loss'));
  return rows;
}

function figure(name: string, count: number, kind = ''): HTMLElement {
  const exact = count.toLocaleString();
  return h(
    'div',
    { class: `stop-figure ${kind}` },
    h('dt', null, name),
    h('dd', { title: `${exact} readings` }, formatCount(count)),
  );
}

/** The path of a reading as a row of stops; each says where its readings went. */
export function buildPath(app: App, scope: Scope): HTMLElement {
  const list = h('ol', { class: 'path', 'aria-busy': 'true' });
  const cards = new Map<string, StopCard>();
  const show = (report: PipelineReport | undefined): void => {
    if (report) showStops(list, cards, report);
  };
  scope.add(app.pipeline.report.follow(show));
  if (!app.pipeline.report.value)
    replace(
      list,
      ...Array.from({ length: 5 }, () => h('li', { class: 'stop-item' }, h('div', { class: 'card stop skeleton' }))),
    );
  const title = h(
    'h2',
    { id: 'path-title', class: 'section-title' },
    'The path of a reading ',
    h('small', null, 'in = out + dropped + in flight, at every stage'),
  );
  return h('section', { class: 'path-section', 'aria-labelledby': 'path-title' }, title, list);
}

function showStops(list: HTMLElement, cards: Map<string, StopCard>, { view, flows }: PipelineReport): void {
  const stops = pathStops(view, flows);
  const keys = stops.map(({ id, title }) => `${id} ${title}`);
  if (keys.some((key) => !cards.has(key)) || cards.size !== keys.length) {
    cards.clear();
    for (const [index, stop] of stops.entries()) cards.set(keys[index]!, new StopCard(stop));
    replace(list, ...[...cards.values()].map(({ element }) => element));
    list.removeAttribute('aria-busy');
  }
  let arriving: number | null = null;
  for (const [index, stop] of stops.entries()) {
    // Between two stops flows what the next one takes in; a stop that counts nothing passes on what it gets.
    const next = stops.slice(index).find(({ counts }) => counts)?.counts?.inPerSecond ?? null;
    arriving = next ?? arriving;
    cards.get(keys[index]!)!.show(stop, index === 0 ? null : arriving);
  }
}
