import type { App } from '../app.js';
import type { HeldDevice } from '../api/types.js';
import { heldWords } from '../model/rollout-words.js';
import { deviceHash } from '../model/url-state.js';
import { badge, onlineBadge } from '../ui/badges.js';
import { h, type Child } from '../ui/h.js';
import { DataTable, type TableColumn } from '../ui/table.js';
import { ageElement } from '../ui/time.js';

/** Devices that failed, or that a stage waits for. They come in the order in which they need a look. */
export function heldTable(app: App): DataTable<HeldDevice> {
  return new DataTable<HeldDevice>({
    caption: 'Devices that are not through',
    columns: columns(app),
    keyOf: ({ rollout, site, device }) => `${rollout}/${site}/${device}`,
    fingerprint: (device) => JSON.stringify(device),
    onOpen: (device) => app.go(deviceHash(device)),
  });
}

function columns(app: App): TableColumn<HeldDevice>[] {
  return [
    { key: 'device', title: 'Device', sortBy: ({ device }) => device, cell: deviceCell },
    { key: 'site', title: 'Site', priority: 2, sortBy: ({ site }) => site, cell: ({ site }) => site },
    {
      key: 'stage',
      title: 'Stage',
      numeric: true,
      priority: 2,
      sortBy: ({ stage }) => stage,
      cell: ({ stage }) => stage + 1,
    },
    { key: 'state', title: 'State', sortBy: heldWords, cell: stateCell },
    {
      key: 'online',
      title: 'Online',
      priority: 2,
      sortBy: ({ online }) => Number(!online),
      cell: ({ online }) => onlineBadge(online),
    },
    {
      key: 'since',
      title: 'Since',
      numeric: true,
      sortBy: ({ sinceUs }) => sinceUs && -sinceUs,
      cell: ({ sinceUs }) => (sinceUs === null ? '–' : ageElement(sinceUs, app.clock.nowUs())),
    },
  ];
}

function deviceCell(held: HeldDevice): Child {
  const link = h('a', { href: deviceHash(held), class: 'strong', tabindex: -1 }, held.device);
  return h('div', { class: 'named' }, link, held.title === null ? null : h('small', null, held.title));
}

function stateCell(held: HeldDevice): Child {
  const { state, online, reason } = held;
  const kind = state === 'failed' ? 'bad' : state === 'confirmed' || !online ? 'warn' : 'info';
  const sign = kind === 'bad' ? 'critical' : kind === 'warn' ? 'warning' : null;
  const away = online ? null : h('span', { class: 'narrow-only muted' }, ' offline');
  const why = reason === null ? null : h('small', { class: 'why' }, reason);
  return h('div', { class: 'named' }, h('span', null, badge(kind, sign, heldWords(held)), away), why);
}
