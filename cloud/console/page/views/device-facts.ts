import type { App } from '../app.js';
import type { DeviceView } from '../api/types.js';
import { formatBytes, formatCount, formatRanges, formatShare, plural, rangesCount } from '../model/format.js';
import { arrivalOf } from '../model/arrival.js';
import { isUnanswered, releaseMark } from '../model/release-mark.js';
import { onlineBadge, releaseBadge } from '../ui/badges.js';
import { h, replace, type Child } from '../ui/h.js';
import { ageElement } from '../ui/time.js';
import { sequenceStrip } from './sequence-strip.js';

/** What a device says of itself, and what of it is stored. */
export function deviceFacts(app: App, host: HTMLElement, device: DeviceView): void {
  replace(
    host,
    h('div', { class: 'card facts' }, ...state(app, device)),
    h('div', { class: 'card facts-wide' }, ...arrival(device)),
  );
}

function state(app: App, device: DeviceView): HTMLElement[] {
  return [
    ...(device.title === null ? [] : [fact('Title', device.title, 'wide')]),
    fact('State', onlineBadge(device.online)),
    fact('Last seen', ageElement(device.lastSeenUs, app.clock.nowUs())),
    fact('Version', device.version ?? '–'),
    fact('Sensors', formatCount(device.sensors)),
    fact('Waiting packs', formatCount(device.pending)),
    fact('Outbox on disk', formatBytes(device.bytes)),
    fact('Session', code(device.session)),
    fact('Epoch', code(device.epoch)),
    fact('Release', h('div', { class: 'release-line' }, ...releaseLine(app, device)), 'wide'),
  ];
}

/** What it said of its last release, and what it is to run if it has not answered that. */
function releaseLine(app: App, device: DeviceView): Child[] {
  const { release } = device;
  if (!release) return [h('span', { class: 'muted' }, 'It never reported on releases, so no rollout takes it in.')];
  const { report, wanted, from } = release;
  const nowUs = app.clock.nowUs();
  const line: Child[] = [];
  if (report && report.id !== '') {
    const mark = releaseMark({ version: device.version, release: { ...release, wanted: null } });
    const way = from === null || from === report.version ? report.version : `${from} → ${report.version}`;
    line.push(h('span', null, way), mark && releaseBadge(mark, mark.word), ageElement(report.sinceUs, nowUs));
    if (report.reason !== null) line.push(h('span', { class: 'muted' }, report.reason));
  }
  if (wanted && isUnanswered(release))
    line.push(
      h('span', null, wanted.version),
      releaseBadge(releaseMark(device)!, 'wanted'),
      h('span', { class: 'muted' }, 'told ', ageElement(wanted.sinceUs, nowUs), ', no answer yet'),
    );
  if (line.length === 0) return [h('span', { class: 'muted' }, 'No release was brought to it yet.')];
  return [...line, h('a', { href: '#/rollouts' }, 'Rollouts')];
}

function arrival(device: DeviceView): HTMLElement[] {
  const { gaps, onTheWay, share } = arrivalOf(device);
  const made = (device.lastSeq ?? -1) + 1;
  const missing = rangesCount(gaps);
  const words = missing === 0 ? 'Nothing is missing.' : `${plural(missing, 'pack')} missing: ${formatRanges(gaps, 6)}.`;
  const way = onTheWay > 0 ? ` ${formatCount(onTheWay)} on the way.` : '';
  const heading = h(
    'header',
    { class: 'card-head' },
    h('h2', null, 'Completeness'),
    h('b', { class: 'share' }, formatShare(share)),
  );
  const received =
    device.received === null
      ? 'The store cannot tell how many packs it has.'
      : `${formatCount(device.received)} of ${plural(made, 'pack')} stored.`;
  return [heading, sequenceStrip(device), h('p', { class: 'muted' }, `${received} ${words}${way}`)];
}

function fact(name: string, content: Child, kind = ''): HTMLElement {
  return h(
    'div',
    { class: `fact ${kind}` },
    h('span', { class: 'fact-name' }, name),
    h('span', { class: 'fact-value' }, content),
  );
}

/** The first digits, with all of them on hover. */
function code(text: string | null): Child {
  return text === null ? '–' : h('code', { title: text }, text.slice(0, 8));
}
