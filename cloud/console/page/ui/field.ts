import { h } from './h.js';
import { icon } from './icon.js';

/** A search box; Esc empties it. It is what the key `/` goes to. */
export function searchField(label: string, value: string, onInput: (text: string) => void): HTMLElement {
  const input = h('input', {
    type: 'search',
    placeholder: label,
    'aria-label': label,
    'data-search': true,
    value,
    autocomplete: 'off',
    spellcheck: 'false',
  });
  input.addEventListener('input', () => onInput(input.value));
  input.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || input.value === '') return;
    event.stopPropagation();
    input.value = '';
    onInput('');
  });
  return h('label', { class: 'search' }, icon('search'), input, h('kbd', { 'aria-hidden': 'true' }, '/'));
}

export interface Choice<T extends string> {
  readonly value: T;
  readonly label: string;
}

/** A row of buttons of which one is pressed. */
export class Segments<T extends string> {
  readonly element: HTMLElement;
  private readonly buttons = new Map<T, HTMLButtonElement>();

  constructor(label: string, choices: readonly Choice<T>[], onChoose: (value: T) => void) {
    for (const { value, label: text } of choices)
      this.buttons.set(value, h('button', { type: 'button', on: { click: () => onChoose(value) } }, text));
    this.element = h('div', { class: 'segments', role: 'group', 'aria-label': label }, ...this.buttons.values());
  }

  /** Presses one; undefined presses none. */
  show(value: T | undefined): void {
    for (const [own, button] of this.buttons) button.setAttribute('aria-pressed', String(own === value));
  }
}

export function selectField<T extends string>(
  label: string,
  choices: readonly Choice<T>[],
  onChoose: (value: T) => void,
): { element: HTMLElement; select: HTMLSelectElement } {
  const select = h('select', null, ...choices.map(({ value, label: text }) => h('option', { value }, text)));
  select.addEventListener('change', () => onChoose(select.value as T));
  return { element: h('label', { class: 'field' }, h('span', null, label), select), select };
}
