import { h } from '../ui/h.js';
import { icon } from '../ui/icon.js';
import type { Keys } from './keys.js';

const shortcuts: readonly (readonly [keys: string, what: string])[] = [
  ['g o', 'Overview'],
  ['g d', 'Devices'],
  ['g r', 'Rollouts'],
  ['g c', 'Charts'],
  ['g a', 'Alerts'],
  ['/', 'Search on this page'],
  ['t', 'Light or dark'],
  ['?', 'This help'],
  ['↑ ↓', 'Move through a table or list'],
  ['Enter', 'Open the row'],
  ['← →', 'Move the cursor of a chart'],
  ['+ −', 'Zoom a chart'],
  ['Esc', 'Close, or empty the search'],
];

/** The dialog that the key `?` opens. */
export function buildHelp(keys: Keys): HTMLDialogElement {
  const rows = shortcuts.map(([keysText, what]) =>
    h('div', null, h('dt', null, ...keysText.split(' ').map((key) => h('kbd', null, key))), h('dd', null, what)),
  );
  const toggle = h('input', { type: 'checkbox', checked: keys.enabled });
  toggle.addEventListener('change', () => (keys.enabled = toggle.checked));
  const close = h(
    'button',
    { type: 'button', class: 'icon-button', 'aria-label': 'Close', on: { click: () => dialog.close() } },
    icon('close'),
  );
  const dialog = h('dialog', { class: 'dialog', 'aria-labelledby': 'help-title' });
  dialog.append(
    h('header', { class: 'card-head' }, h('h2', { id: 'help-title' }, 'Keyboard'), close),
    h('dl', { class: 'keys' }, ...rows),
    h('label', { class: 'check' }, toggle, 'Single-key shortcuts'),
    h('p', { class: 'muted' }, 'Drag across a chart to zoom; going back in the browser undoes it.'),
  );
  // A click on the backdrop meets the dialog itself.
  dialog.addEventListener('click', (event) => event.target === dialog && dialog.close());
  return dialog;
}
