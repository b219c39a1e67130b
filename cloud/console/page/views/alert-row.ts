import type { App } from '../app.js';
import type { DeviceAlert } from '../api/types.js';
import { formatValue } from '../model/format.js';
import { alertSubject } from '../model/alert-book.js';
import { badge, severityBadge } from '../ui/badges.js';
import { h } from '../ui/h.js';
import { chartsHash } from '../model/url-state.js';

export function stateBadge({ state }: DeviceAlert): HTMLElement {
  return state === 'raised' ? badge('quiet', 'arrow', 'raised') : badge('ok', 'check', 'cleared');
}

/** Severity of what was raised; what was cleared is shown as over. */
export function alertBadge(alert: DeviceAlert): HTMLElement {
  return alert.state === 'raised' ? severityBadge(alert) : badge('ok', 'check', 'cleared');
}

/** `81.2 °C, limit 80 °C`: an alert carries no unit, its series does. */
export function alertFigures(app: App, alert: DeviceAlert): string {
  const unit = app.fleet.unit(seriesOf(alert));
  return `${formatValue(alert.value, unit)}, limit ${formatValue(alert.threshold, unit)}`;
}

export function seriesOf({ site, device, sensor }: DeviceAlert): string {
  return `${site}/${device}/${sensor}`;
}

/** The readings around an alert, five minutes to either side. */
export function alertCharts(alert: DeviceAlert, nowUs: number): string {
  const iso = (us: number): string => new Date(us / 1000).toISOString();
  const endUs = alert.timeUs + 300e6;
  const to = endUs >= nowUs ? '' : iso(endUs);
  const from = endUs >= nowUs ? '-15m' : iso(alert.timeUs - 300e6);
  return chartsHash({ series: [seriesOf(alert)], from, to });
}

/** One sentence, as it is read aloud. */
export function alertSentence(alert: DeviceAlert): string {
  const word = alert.state === 'raised' ? `${alert.severity} alert` : 'alert cleared';
  return `${word}: ${alertSubject(alert).replaceAll('/', ', ')}. ${alert.message}`;
}

export function alertTitle(alert: DeviceAlert): HTMLElement {
  const { site, device, sensor } = alert;
  return h(
    'span',
    { class: 'alert-where' },
    h('b', null, device),
    ' ',
    h('span', { class: 'muted' }, `${sensor} · ${site}`),
  );
}
