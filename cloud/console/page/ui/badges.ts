import type { DeviceAlert, Quality, RolloutProgress } from '../api/types.js';
import type { ReleaseMark } from '../model/release-mark.js';
import { h, type Child } from './h.js';
import { icon, type IconName } from './icon.js';

/** A word with a sign and a colour: never the colour alone. */
export function badge(
  kind: 'ok' | 'warn' | 'bad' | 'info' | 'quiet',
  sign: IconName | null,
  ...text: Child[]
): HTMLElement {
  return h('span', { class: `badge ${kind}` }, sign && icon(sign), h('span', null, ...text));
}

export function onlineBadge(online: boolean): HTMLElement {
  return h(
    'span',
    { class: `state ${online ? 'ok' : 'bad'}` },
    h('span', { class: 'dot' }),
    online ? 'online' : 'offline',
  );
}

const severityKinds = { critical: 'bad', warning: 'warn', info: 'info' } as const;

export function severityBadge({ severity }: DeviceAlert): HTMLElement {
  return badge(severityKinds[severity], severity, severity);
}

/** Nothing for a good reading; else its quality as a word. */
export function qualityBadge(quality: Quality): HTMLElement | null {
  if (quality === 'good') return null;
  return badge(
    quality === 'uncertain' || quality === 'clock-unsynced' ? 'warn' : 'bad',
    'warning',
    quality.replace('-', ' '),
  );
}

const releaseSigns = { ok: 'check', info: 'arrow', bad: 'critical' } as const;

/** How a device stands to the release that it is to run. */
export function releaseBadge({ kind }: ReleaseMark, text: string): HTMLElement {
  return badge(kind, releaseSigns[kind], text);
}

const rolloutKinds = {
  running: ['info', 'arrow'],
  paused: ['warn', 'warning'],
  done: ['ok', 'check'],
  failed: ['bad', 'critical'],
  aborted: ['warn', 'warning'],
} as const;

export function rolloutBadge(status: RolloutProgress['status']): HTMLElement {
  const [kind, sign] = rolloutKinds[status];
  return badge(kind, sign, status);
}
