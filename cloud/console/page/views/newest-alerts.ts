import type { App } from '../app.js';
import type { DeviceAlert } from '../api/types.js';
import { alertKey, type AlertBook } from '../model/alert-book.js';
import type { Loadable } from '../model/loadable.js';
import type { Scope } from '../model/scope.js';
import { badge } from '../ui/badges.js';
import { h, replace } from '../ui/h.js';
import { ageElement } from '../ui/time.js';
import { alertBadge, alertCharts, alertTitle } from './alert-row.js';

const shown = 8;

/** The newest words of the alerts, for the side of the overview. */
export function newestAlerts(app: App, scope: Scope): HTMLElement {
  const list = h('ul', { class: 'alert-list', 'aria-busy': 'true' });
  const count = h('span', { class: 'raised-count' });
  const show = (book: Loadable<AlertBook>): void => {
    if (book.state === 'loading') return;
    list.removeAttribute('aria-busy');
    if (book.state === 'failed') return replace(list, h('li', { class: 'muted' }, book.message));
    showList(app, list, book.value.history().slice(0, shown));
    const raised = book.value.raised().length;
    replace(count, raised === 0 ? badge('ok', 'check', 'none raised') : badge('bad', 'critical', `${raised} raised`));
  };
  scope.add(app.alerts.book.follow(show));
  const head = h('header', { class: 'card-head' }, h('h2', null, 'Alerts'), count);
  return h('div', { class: 'card alert-card' }, head, list, h('a', { class: 'more', href: '#/alerts' }, 'All alerts'));
}

function showList(app: App, list: HTMLElement, alerts: readonly DeviceAlert[]): void {
  if (alerts.length === 0) {
    const where = h('code', null, 'alerts');
    return replace(
      list,
      h(
        'li',
        { class: 'muted pad' },
        'No device has raised an alert. Limits are set under ',
        where,
        ' in its configuration.',
      ),
    );
  }
  replace(list, ...alerts.map((alert) => entry(app, alert)));
}

function entry(app: App, alert: DeviceAlert): HTMLElement {
  const nowUs = app.clock.nowUs();
  const head = h('span', { class: 'alert-head' }, alertBadge(alert), ageElement(alert.timeUs, nowUs));
  const link = h(
    'a',
    { href: alertCharts(alert, nowUs), class: 'alert-entry' },
    head,
    alertTitle(alert),
    h('span', { class: 'alert-message' }, alert.message),
  );
  return h('li', { class: alert.state, 'data-alert': alertKey(alert) }, link);
}
