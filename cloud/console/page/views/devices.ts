import type { App, View } from '../app.js';
import type { DeviceView } from '../api/types.js';
import { formatCount, formatRanges, formatShare, plural } from '../model/format.js';
import { arrivalOf, missingCount } from '../model/arrival.js';
import type { Loadable } from '../model/loadable.js';
import type { Scope } from '../model/scope.js';
import { deviceHash } from '../model/url-state.js';
import { releaseMark } from '../model/release-mark.js';
import { onlineBadge, releaseBadge } from '../ui/badges.js';
import { searchField, Segments } from '../ui/field.js';
import { h, replace, setText, type Child } from '../ui/h.js';
import { DataTable, placeholder, type Sort, type TableColumn } from '../ui/table.js';
import { ageElement } from '../ui/time.js';

interface Memory {
  query: string;
  state: 'all' | 'online' | 'offline' | 'gaps';
  sort: Sort;
}

/** All devices with what they say of themselves and what the store has of them. */
export function openDevices(app: App, _route: unknown, scope: Scope): View {
  const start: Memory = { query: '', state: 'all', sort: { key: 'device', descending: false } };
  const memory = (app.memory.get('devices') as Memory | undefined) ?? start;
  app.memory.set('devices', memory);
  const table = deviceTable(app, memory);
  const summary = h('p', { class: 'summary', role: 'status' });
  const body = h('div', { class: 'card flush', 'aria-busy': 'true' }, h('div', { class: 'skeleton tall' }));
  const show = (): void => showDevices(app.fleet.devices.value, memory, { table, summary, body });
  const states = new Segments('Show', stateChoices, (state) => {
    memory.state = state;
    states.show(state);
    show();
  });
  states.show(memory.state);
  const search = searchField('Filter by site, device, title or version', memory.query, (query) => {
    memory.query = query;
    show();
  });
  scope.add(app.fleet.devices.follow(show));
  const tools = h('div', { class: 'toolbar' }, search, states.element, summary);
  return { title: 'Devices', element: h('div', { class: 'view' }, tools, body) };
}

const stateChoices = [
  { value: 'all', label: 'All' },
  { value: 'online', label: 'Online' },
  { value: 'offline', label: 'Offline' },
  { value: 'gaps', label: 'With gaps' },
] as const;

interface Parts {
  readonly table: DataTable<DeviceView>;
  readonly summary: HTMLElement;
  readonly body: HTMLElement;
}

function showDevices(devices: Loadable<readonly DeviceView[]>, memory: Memory, { table, summary, body }: Parts): void {
  if (devices.state === 'loading') return;
  body.removeAttribute('aria-busy');
  if (devices.state === 'failed')
    return replace(body, placeholder('The devices cannot be read', devices.message, 'failed'));
  if (devices.value.length === 0) return replace(body, nobody());
  const wanted = devices.value.filter((device) => matches(device, memory));
  table.update(wanted);
  setText(summary, `${formatCount(wanted.length)} of ${plural(devices.value.length, 'device')}`);
  const content =
    wanted.length === 0 ? placeholder('No device matches', 'Change the filter, or press Esc in it.') : table.element;
  if (body.firstChild !== content) replace(body, content);
}

function matches(device: DeviceView, { query, state }: Memory): boolean {
  if (state === 'online' && !device.online) return false;
  if (state === 'offline' && device.online) return false;
  if (state === 'gaps' && missingCount(device) === 0) return false;
  const { site, device: name, title, version } = device;
  const text = [site, name, title, version, releaseMark(device)?.text].join(' ').toLowerCase();
  return query
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

function nobody(): HTMLElement {
  const command = h('code', null, 'fieldline simulate smart-factory --sensors 100');
  return placeholder(
    'No device has announced itself',
    h('span', null, 'Flash a device, or let simulated ones send: ', command),
  );
}

function deviceTable(app: App, memory: Memory): DataTable<DeviceView> {
  return new DataTable<DeviceView>({
    caption: 'Devices',
    columns: columns(app),
    keyOf: ({ site, device }) => `${site}/${device}`,
    fingerprint: (device) => JSON.stringify(device),
    onOpen: (device) => app.go(deviceHash(device)),
    sort: memory.sort,
    onSort: (sort) => (memory.sort = sort),
  });
}

function columns(app: App): TableColumn<DeviceView>[] {
  return [
    { key: 'device', title: 'Device', sortBy: ({ device }) => device, cell: deviceCell },
    { key: 'site', title: 'Site', priority: 2, sortBy: ({ site }) => site, cell: ({ site }) => site },
    {
      key: 'online',
      title: 'State',
      sortBy: ({ online }) => Number(!online),
      cell: ({ online }) => onlineBadge(online),
    },
    {
      key: 'version',
      title: 'Version',
      priority: 2,
      sortBy: ({ version }) => version,
      cell: (device) => h('div', { class: 'version' }, device.version ?? '–', release(device)),
    },
    {
      key: 'complete',
      title: 'Completeness',
      short: 'Complete',
      numeric: true,
      sortBy: (device) => arrivalOf(device).share,
      cell: completeness,
    },
    {
      key: 'missing',
      title: 'Missing packs',
      priority: 3,
      sortBy: missingCount,
      cell: missing,
    },
    {
      key: 'pending',
      title: 'Pending',
      numeric: true,
      priority: 3,
      sortBy: ({ pending }) => pending,
      cell: ({ pending }) => formatCount(pending),
    },
    {
      key: 'sensors',
      title: 'Sensors',
      numeric: true,
      priority: 3,
      sortBy: ({ sensors }) => sensors,
      cell: ({ sensors }) => formatCount(sensors),
    },
    {
      key: 'seen',
      title: 'Last seen',
      short: 'Seen',
      numeric: true,
      sortBy: ({ lastSeenUs }) => -lastSeenUs,
      cell: ({ lastSeenUs }) => ageElement(lastSeenUs, app.clock.nowUs()),
    },
    {
      key: 'registered',
      title: 'Registered',
      priority: 3,
      sortBy: ({ state }) => state,
      cell: ({ state }) => h('span', { class: state === 'adopted' ? 'muted' : '' }, state),
    },
  ];
}

function deviceCell(device: DeviceView): Child {
  const { title, speaksAs } = device;
  const hint = speaksAs !== null && { title: `speaks as ${speaksAs}` };
  const link = h('a', { href: deviceHash(device), class: 'strong', tabindex: -1, ...hint }, device.device);
  const mark = releaseMark(device);
  const narrow = mark && mark.kind !== 'ok' && h('span', { class: 'narrow-only' }, releaseBadge(mark, mark.text));
  return h('div', { class: 'named' }, link, title === null ? null : h('small', null, title), narrow);
}

/** How it stands to the release that it is to run; what is as it should be takes no badge. */
function release(device: DeviceView): HTMLElement | null {
  const mark = releaseMark(device);
  return mark && (mark.kind === 'ok' ? h('small', null, mark.text) : releaseBadge(mark, mark.text));
}

function completeness(device: DeviceView): Child {
  const { share } = arrivalOf(device);
  return h('span', { class: share === null || share >= 1 ? '' : 'warn-text' }, formatShare(share));
}

function missing(device: DeviceView): Child {
  const { gaps, onTheWay } = arrivalOf(device);
  if (gaps.length > 0) return h('span', { class: 'warn-text', title: formatRanges(gaps, 20) }, formatRanges(gaps, 2));
  return h('span', { class: 'muted' }, onTheWay > 0 ? `none, ${formatCount(onTheWay)} on the way` : 'none');
}
