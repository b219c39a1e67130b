import type { App, View } from '../app.js';
import { Scope } from '../model/scope.js';
import { parseRoute, type Route } from '../model/url-state.js';
import { h, replace } from '../ui/h.js';
import { placeholder } from '../ui/table.js';
import { openAlerts } from '../views/alerts.js';
import { openCharts } from '../views/charts.js';
import { openDevice } from '../views/device.js';
import { openDevices } from '../views/devices.js';
import { openOverview } from '../views/overview.js';
import { openRollouts } from '../views/rollouts.js';

/** Which item of the navigation a view belongs to. */
const sections: Record<Route['view'], string> = {
  overview: '#/',
  devices: '#/devices',
  device: '#/devices',
  rollouts: '#/rollouts',
  charts: '#/charts',
  alerts: '#/alerts',
  unknown: '',
};

/** Shows the view that the address names, and ends the one before. */
export class Router {
  private scope = new Scope();
  private view: View | undefined;
  private place = '';

  constructor(
    private readonly app: App,
    private readonly main: HTMLElement,
    private readonly title: HTMLElement,
  ) {}

  start(): void {
    addEventListener('hashchange', () => this.go(true));
    this.go(false);
  }

  private go(moveFocus: boolean): void {
    const route = parseRoute(location.hash);
    const place = route.view === 'device' ? `${route.site}/${route.device}` : route.view;
    if (place === this.place && this.view?.update?.(route)) return;
    if (place === this.place && this.view && !this.view.update) return;
    this.place = place;
    this.scope.end();
    this.scope = new Scope();
    this.view = open(this.app, route, this.scope);
    this.title.textContent = this.view.title;
    document.title = `${this.view.title} · Fieldline`;
    replace(this.main, this.view.element);
    markSection(sections[route.view]);
    scrollTo(0, 0);
    // Screen readers go on reading where the new page begins.
    if (moveFocus) this.title.focus({ preventScroll: true });
  }
}

function open(app: App, route: Route, scope: Scope): View {
  switch (route.view) {
    case 'overview':
      return openOverview(app, route, scope);
    case 'devices':
      return openDevices(app, route, scope);
    case 'device':
      return openDevice(app, route, scope);
    case 'rollouts':
      return openRollouts(app, route, scope);
    case 'charts':
      return openCharts(app, route, scope);
    case 'alerts':
      return openAlerts(app, route, scope);
    case 'unknown':
      return nowhere(route.path);
  }
}

function nowhere(path: string): View {
  const back = h('a', { href: '#/' }, 'Go to the overview');
  return { title: 'Not found', element: h('div', { class: 'card' }, placeholder(`Nothing is at ${path}`, back)) };
}

function markSection(section: string): void {
  for (const link of document.querySelectorAll<HTMLAnchorElement>('nav a')) {
    if (link.getAttribute('href') === section) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
}
