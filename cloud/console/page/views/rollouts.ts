import type { App, View } from '../app.js';
import { ApiError } from '../api/client.js';
import type { RolloutProgress, RolloutProgressAnswer } from '../api/types.js';
import { formatCount, plural } from '../model/format.js';
import type { Scope } from '../model/scope.js';
import { Refresher } from '../state/refresher.js';
import { rolloutSentence } from '../model/rollout-words.js';
import { rolloutBadge } from '../ui/badges.js';
import { h, replace, setText } from '../ui/h.js';
import { placeholder } from '../ui/table.js';
import { ageElement } from '../ui/time.js';
import { heldTable } from './held-table.js';
import { rolloutCard } from './rollout-card.js';

const everyMs = 2000;

/** How releases come to the devices: the newest rollout and all that are under way, who holds them up, and those before. */
export function openRollouts(app: App, _route: unknown, scope: Scope): View {
  const element = h('div', { class: 'view rollouts', 'aria-busy': 'true' }, h('div', { class: 'card skeleton tall' }));
  const page = new RolloutsPage(app, element);
  const load = async (): Promise<void> => {
    try {
      page.show(await app.api.rolloutProgress(scope.signal));
    } catch (error) {
      if (!scope.signal.aborted) page.fail(error);
    }
  };
  const refresher = new Refresher(load, everyMs / 2);
  refresher.request();
  scope.every(everyMs, () => refresher.request());
  scope.add(app.live.on('back', () => refresher.request()));
  return { title: 'Rollouts', element };
}

class RolloutsPage {
  private readonly cards = h('div', { class: 'rollout-cards' });
  private readonly held;
  private readonly heldCount = h('small');
  private readonly heldSection: HTMLElement;
  private readonly earlier = h('ul', { class: 'earlier' });
  private readonly earlierSection: HTMLElement;
  private shown = '';
  private told = '';

  constructor(
    private readonly app: App,
    private readonly element: HTMLElement,
  ) {
    this.held = heldTable(app);
    const table = h('div', { class: 'card flush' }, this.held.element);
    this.heldSection = section('Devices that are not through', table, this.heldCount);
    this.earlierSection = section('Earlier', h('div', { class: 'card' }, this.earlier));
  }

  /** The last answer stays; the banner tells that the API is away. */
  fail(error: unknown): void {
    if (this.shown !== '') return;
    const message = error instanceof ApiError ? error.message : 'The answer cannot be read.';
    this.settle(h('div', { class: 'card' }, placeholder('The rollouts cannot be read', message, 'failed')));
  }

  show(answer: RolloutProgressAnswer): void {
    const key = JSON.stringify(answer);
    if (key === this.shown) return;
    this.shown = key;
    const { rollouts, held, heldMore } = answer;
    const [newest] = rollouts;
    if (!newest) return this.settle(nothingYet());
    this.tell(newest);
    const nowUs = this.app.clock.nowUs();
    const [full, over] = [rollouts.filter(({ stages }) => stages), rollouts.filter(({ stages }) => !stages)];
    replace(this.cards, ...full.map((rollout) => rolloutCard(rollout, rollout === newest, nowUs)));
    this.held.update(held);
    setText(this.heldCount, heldMore > 0 ? `and ${formatCount(heldMore)} more` : formatCount(held.length));
    replace(this.earlier, ...over.map((rollout) => earlierEntry(rollout, nowUs)));
    this.settle(this.cards, held.length > 0 && this.heldSection, over.length > 0 && this.earlierSection);
  }

  /** A stage that is opened, or another status, is said to those who do not see it; not each device. */
  private tell(newest: RolloutProgress): void {
    const { id, status, stage, version } = newest;
    const now = `${id} ${status} ${stage}`;
    if (this.told !== '' && this.told !== now)
      this.app.announcer.say(`Rollout of ${version} ${status}. ${rolloutSentence(newest)}`);
    this.told = now;
  }

  private settle(...parts: (HTMLElement | false)[]): void {
    this.element.removeAttribute('aria-busy');
    const wanted = parts.filter((part) => part !== false);
    // What stands keeps its place, and the focus in it.
    const stands =
      wanted.length === this.element.children.length &&
      wanted.every((part, index) => part === this.element.children[index]);
    if (!stands) replace(this.element, ...wanted);
  }
}

function section(title: string, content: HTMLElement, ...more: HTMLElement[]): HTMLElement {
  return h('section', null, h('h2', { class: 'section-title' }, `${title} `, ...more), content);
}

function earlierEntry({ id, version, status, reason, sinceUs, devices }: RolloutProgress, nowUs: number): HTMLElement {
  return h(
    'li',
    { title: id },
    h('span', { class: 'strong' }, version),
    rolloutBadge(status),
    h('span', { class: 'earlier-reason muted' }, [plural(devices, 'device'), reason].filter(Boolean).join(': ')),
    ageElement(sinceUs, nowUs),
  );
}

function nothingYet(): HTMLElement {
  const push = h('code', null, 'fieldline release push releases');
  const roll = h('code', null, 'fieldline fleet rollout 1.4.0 --stages canary=label:ring=canary,10%,100%');
  const detail = h(
    'span',
    null,
    'Bring a release to the gateway, ',
    push,
    ' and then to devices, stage by stage: ',
    roll,
  );
  return h('div', { class: 'card' }, placeholder('No rollout yet', detail));
}
