import type { RolloutProgress, StageView } from '../api/types.js';
import { formatCount } from '../model/format.js';
import { ordersOf, rolloutSentence, stageCounts, stageShares } from '../model/rollout-words.js';
import { badge, rolloutBadge } from '../ui/badges.js';
import { h, svg } from '../ui/h.js';
import { ageElement } from '../ui/time.js';

/** A rollout with its stages, and what may be typed of it: the page itself gives no orders. */
export function rolloutCard(rollout: RolloutProgress, isNewest: boolean, nowUs: number): HTMLElement {
  const { id, version, status, sinceUs, createdUs, stages } = rollout;
  const title = `rollout-${id}`;
  const head = h(
    'header',
    { class: 'card-head' },
    h('h2', { id: title }, `Release ${version}`),
    rolloutBadge(status),
    h('span', { class: 'muted rollout-times' }, ...times(status, createdUs, sinceUs, nowUs)),
  );
  return h(
    'section',
    { class: 'card rollout', 'aria-labelledby': title, 'data-rollout': id },
    head,
    h('p', { class: `rollout-sentence ${status}` }, rolloutSentence(rollout)),
    h('ol', { class: 'stages' }, ...(stages ?? []).map((stage, n) => stageEntry(stage, n, nowUs))),
    h('p', { class: 'muted' }, completeWords(rollout)),
    orders(rollout, isNewest),
  );
}

/** What the word means that its stages are counted by. */
function completeWords({ completeness }: RolloutProgress): string {
  return completeness
    ? 'Complete: it runs the release, and of what it sent since the rollout began nothing is missing.'
    : 'Complete: it runs the release, and the gateway acknowledged data of it. Nobody looks whether packs are missing.';
}

function times(
  status: RolloutProgress['status'],
  createdUs: number,
  sinceUs: number,
  nowUs: number,
): (Node | string)[] {
  const began = ['began ', ageElement(createdUs, nowUs)];
  return status === 'running' ? began : [...began, `, ${status} `, ageElement(sinceUs, nowUs)];
}

const stageKinds = { passed: ['ok', 'check'], open: ['info', 'arrow'], waiting: ['quiet', null] } as const;

function stageEntry(stage: StageView, n: number, nowUs: number): HTMLElement {
  const { name, select, status, openedUs, devices, offline } = stage;
  const [kind, sign] = stageKinds[status];
  const opened = openedUs === null ? null : h('span', { class: 'muted' }, 'opened ', ageElement(openedUs, nowUs));
  const who = h(
    'div',
    { class: 'stage-who' },
    h('h3', null, `${n + 1}. ${name}`),
    name === select ? null : h('code', null, select),
    badge(kind, sign, status),
    opened,
  );
  const away = status !== 'waiting' && offline > 0 ? count(offline, 'offline', 'aside') : null;
  const counts = stageCounts(stage).map(({ count: of, words, share }) => count(of, words, share));
  const all = h(
    'ul',
    { class: 'stage-counts' },
    count(devices, devices === 1 ? 'device' : 'devices', ''),
    ...counts,
    away,
  );
  return h('li', { class: 'stage', 'data-stage': n }, who, stageBar(stage), all);
}

function count(of: number, words: string, kind: string): HTMLElement {
  return h('li', { class: `stage-count ${kind}` }, h('b', null, formatCount(of)), ` ${words}`);
}

const width = 1000;

/** The devices of a stage as one bar. What it shows stands below it in numbers. */
function stageBar(stage: StageView): SVGElement {
  let x = 0;
  const parts = stageShares(stage).map(({ share, count: of }) => {
    const part = svg('rect', { class: share, x, y: 0, width: (width * of) / Math.max(1, stage.devices), height: 10 });
    x += (width * of) / Math.max(1, stage.devices);
    return part;
  });
  const attributes = {
    viewBox: `0 0 ${width} 10`,
    preserveAspectRatio: 'none',
    class: 'stage-bar',
    'aria-hidden': 'true',
  };
  return svg('svg', attributes, ...parts);
}

function orders(rollout: RolloutProgress, isNewest: boolean): HTMLElement {
  const rows = ordersOf(rollout, isNewest).map(({ command, what }) =>
    h('div', null, h('dt', null, h('code', null, command)), h('dd', { class: 'muted' }, what)),
  );
  const words = 'This page only looks. Orders are given on the command line:';
  return h('div', { class: 'orders' }, h('p', { class: 'muted' }, words), h('dl', null, ...rows));
}
