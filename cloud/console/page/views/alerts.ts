import type { App, View } from '../app.js';
import type { DeviceAlert } from '../api/types.js';
import { alertKey, alertSubject, type AlertBook } from '../model/alert-book.js';
import { formatCount, plural } from '../model/format.js';
import type { Loadable } from '../model/loadable.js';
import type { Scope } from '../model/scope.js';
import { badge, severityBadge } from '../ui/badges.js';
import { searchField, Segments } from '../ui/field.js';
import { h, replace, setText, type Child } from '../ui/h.js';
import { DataTable, placeholder, type TableColumn } from '../ui/table.js';
import { ageElement, timeElement } from '../ui/time.js';
import { alertCharts, alertFigures, alertTitle, seriesOf, stateBadge } from './alert-row.js';

interface Filter {
  query: string;
  severity: 'all' | DeviceAlert['severity'];
}

const severities = [
  { value: 'all', label: 'All' },
  { value: 'critical', label: 'Critical' },
  { value: 'warning', label: 'Warning' },
  { value: 'info', label: 'Info' },
] as const;

const shownHistory = 300;

/** What stands raised now, and before it what happened. */
export function openAlerts(app: App, _route: unknown, scope: Scope): View {
  const filter = (app.memory.get('alerts') as Filter | undefined) ?? { query: '', severity: 'all' as const };
  app.memory.set('alerts', filter);
  const parts = build(app);
  const show = (): void => showBook(app.alerts.book.value, filter, parts);
  const segments = new Segments('Severity', severities, (severity) => {
    filter.severity = severity;
    segments.show(severity);
    show();
  });
  segments.show(filter.severity);
  const search = searchField('Filter by site, device, sensor, rule or message', filter.query, (query) => {
    filter.query = query;
    show();
  });
  // The units of the values come with the series.
  scope.add(app.alerts.book.follow(show), app.fleet.series.watch(show));
  const tools = h('div', { class: 'toolbar' }, search, segments.element, parts.summary);
  return { title: 'Alerts', element: h('div', { class: 'view' }, tools, parts.raisedSection, parts.historySection) };
}

function build(app: App) {
  const raised = alertTable(app, 'Alerts that stand raised, the severest first', raisedColumns(app));
  const history = alertTable(app, 'All alerts, the newest first', historyColumns(app));
  const raisedBody = h('div', { class: 'card flush', 'aria-busy': 'true' }, h('div', { class: 'skeleton' }));
  const historyBody = h('div', { class: 'card flush', 'aria-busy': 'true' }, h('div', { class: 'skeleton tall' }));
  const count = h('small');
  const raisedSection = h('section', null, h('h2', { class: 'section-title' }, 'Raised now ', count), raisedBody);
  const historySection = h('section', null, h('h2', { class: 'section-title' }, 'History'), historyBody);
  const summary = h('p', { class: 'summary', role: 'status' });
  return { raised, history, raisedBody, historyBody, raisedSection, historySection, summary, count };
}

type Parts = ReturnType<typeof build>;

function showBook(book: Loadable<AlertBook>, filter: Filter, parts: Parts): void {
  if (book.state === 'loading') return;
  const { raisedBody, historyBody, raised, history, summary, count } = parts;
  for (const body of [raisedBody, historyBody]) body.removeAttribute('aria-busy');
  if (book.state === 'failed') {
    replace(raisedBody, placeholder('The alerts cannot be read', book.message, 'failed'));
    return replace(historyBody);
  }
  const all = book.value.history();
  const standing = book.value.raised().filter((alert) => matches(alert, filter));
  const past = all.filter((alert) => matches(alert, filter));
  raised.update(standing);
  history.update(past.slice(0, shownHistory));
  setText(count, standing.length === 0 ? '' : formatCount(standing.length));
  setText(
    summary,
    past.length > shownHistory
      ? `the newest ${shownHistory} of ${plural(past.length, 'alert')}`
      : plural(past.length, 'alert'),
  );
  place(raisedBody, standing.length > 0 ? raised.element : quiet());
  place(historyBody, past.length > 0 ? history.element : nothing(all.length === 0));
}

function place(body: HTMLElement, content: HTMLElement): void {
  if (body.firstElementChild !== content) replace(body, content);
}

function quiet(): HTMLElement {
  return h('div', { class: 'placeholder ok' }, badge('ok', 'check', 'Nothing is raised'));
}

function nothing(ever: boolean): HTMLElement {
  if (!ever) return placeholder('No alert matches', 'Change the filter, or press Esc in it.');
  return placeholder(
    'No alerts yet',
    'Devices raise them by the rules of their edge configuration; they arrive ahead of any backlog.',
  );
}

function matches(alert: DeviceAlert, { query, severity }: Filter): boolean {
  if (severity !== 'all' && alert.severity !== severity) return false;
  const text = `${alertSubject(alert)} ${alert.message}`.toLowerCase();
  return query
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

function alertTable(app: App, caption: string, columns: TableColumn<DeviceAlert>[]): DataTable<DeviceAlert> {
  return new DataTable<DeviceAlert>({
    caption,
    columns,
    keyOf: alertKey,
    fingerprint: (alert) => alertKey(alert) + app.fleet.unit(seriesOf(alert)),
    onOpen: (alert) => app.go(alertCharts(alert, app.clock.nowUs())),
  });
}

function raisedColumns(app: App): TableColumn<DeviceAlert>[] {
  return [
    { key: 'severity', title: 'Severity', cell: severityBadge },
    { key: 'where', title: 'Alert', cell: (alert) => where(app, alert) },
    { key: 'value', title: 'Value', numeric: true, priority: 2, cell: (alert) => alertFigures(app, alert) },
    { key: 'since', title: 'Since', numeric: true, cell: ({ timeUs }) => ageElement(timeUs, app.clock.nowUs()) },
  ];
}

function historyColumns(app: App): TableColumn<DeviceAlert>[] {
  return [
    { key: 'time', title: 'Time', cell: ({ timeUs }) => timeElement(timeUs, app.clock.nowUs()) },
    { key: 'state', title: 'State', cell: stateBadge },
    { key: 'severity', title: 'Severity', priority: 2, cell: severityBadge },
    { key: 'where', title: 'Alert', cell: (alert) => where(app, alert) },
    { key: 'rule', title: 'Rule', priority: 3, cell: ({ rule }) => h('code', null, rule) },
    { key: 'value', title: 'Value', numeric: true, priority: 3, cell: (alert) => alertFigures(app, alert) },
  ];
}

function where(app: App, alert: DeviceAlert): Child {
  const link = h('a', { href: alertCharts(alert, app.clock.nowUs()), tabindex: -1 }, alertTitle(alert));
  return h('div', { class: 'alert-cell' }, link, h('span', { class: 'muted' }, alert.message));
}
