import type { App } from '../app.js';
import type { DeviceAlert } from '../api/types.js';
import { readyValue } from '../model/loadable.js';
import { h, setText } from '../ui/h.js';
import { icon } from '../ui/icon.js';
import { alertBadge, alertCharts, alertSentence, alertTitle } from '../views/alert-row.js';

const most = 3;
const shownMs = 10_000;

/** Shows each alert that comes live for a while, and reads it out; a critical one interrupts. */
export class Toasts {
  constructor(
    private readonly app: App,
    private readonly host: HTMLElement,
  ) {}

  start(): void {
    this.app.alerts.arrived.watch((alerts) => this.showAll(alerts));
  }

  private showAll(alerts: readonly DeviceAlert[]): void {
    const urgent = alerts.find(({ state, severity }) => state === 'raised' && severity === 'critical');
    const spoken = urgent ?? alerts[0]!;
    const more = alerts.length > 1 ? ` And ${alerts.length - 1} more.` : '';
    this.app.announcer.say(alertSentence(spoken) + more, urgent !== undefined);
    // There the table shows them.
    if (location.hash.startsWith('#/alerts')) return;
    for (const alert of alerts.slice(0, most).reverse()) this.show(alert);
  }

  private show(alert: DeviceAlert): void {
    const toast = this.build(alert);
    this.host.prepend(toast);
    while (this.host.childElementCount > most) this.host.lastElementChild!.remove();
    this.expire(toast);
  }

  private build(alert: DeviceAlert): HTMLElement {
    const close = h('button', { type: 'button', class: 'icon-button small', 'aria-label': 'Dismiss' }, icon('close'));
    const link = h(
      'a',
      { href: alertCharts(alert, this.app.clock.nowUs()) },
      alertTitle(alert),
      h('span', { class: 'alert-message' }, alert.message),
    );
    const toast = h('div', { class: 'toast card' }, h('div', { class: 'alert-head' }, alertBadge(alert), close), link);
    close.addEventListener('click', () => toast.remove());
    return toast;
  }

  /** It goes by itself, but not from under the pointer or the focus. */
  private expire(toast: HTMLElement): void {
    setTimeout(() => {
      if (toast.matches(':hover, :focus-within')) this.expire(toast);
      else toast.remove();
    }, shownMs);
  }
}

/** How many alerts stand raised, beside the navigation's word. */
export function followRaised(app: App, host: HTMLElement): void {
  app.alerts.book.follow((book) => {
    const count = readyValue(book)?.raised().length ?? 0;
    host.hidden = count === 0;
    setText(host, count > 99 ? '99+' : String(count));
    host.setAttribute('aria-label', `${count} raised`);
  });
}
