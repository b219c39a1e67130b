import type { TextStorage } from '../model/memory-storage.js';

export interface KeyActions {
  readonly go: (hash: string) => void;
  readonly help: () => void;
  readonly theme: () => void;
  readonly search: () => void;
}

const places: Readonly<Record<string, string>> = {
  o: '#/',
  d: '#/devices',
  r: '#/rollouts',
  c: '#/charts',
  a: '#/alerts',
};
const storageKey = 'fieldline.keys';
const waitMs = 1500;

/** The single-key shortcuts. They can be switched off, for those who speak to their browser. */
export class Keys {
  private goUntilMs = 0;

  constructor(
    private readonly actions: KeyActions,
    private readonly storage: TextStorage,
  ) {}

  get enabled(): boolean {
    return this.storage.getItem(storageKey) !== 'off';
  }

  set enabled(on: boolean) {
    this.storage.setItem(storageKey, on ? 'on' : 'off');
  }

  start(): void {
    document.addEventListener('keydown', (event) => this.pressed(event));
  }

  private pressed(event: KeyboardEvent): void {
    if (!this.enabled || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (isTyping(event.target) || document.querySelector('dialog[open]')) return;
    const place = performance.now() < this.goUntilMs ? places[event.key] : undefined;
    this.goUntilMs = event.key === 'g' ? performance.now() + waitMs : 0;
    if (place !== undefined) return this.act(event, () => this.actions.go(place));
    const action = { '?': this.actions.help, t: this.actions.theme, '/': this.actions.search }[event.key];
    if (action) this.act(event, action);
  }

  private act(event: KeyboardEvent, action: () => void): void {
    event.preventDefault();
    action();
  }
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !['checkbox', 'radio', 'button'].includes(target.type);
  return target.isContentEditable || target.matches('textarea, select');
}
