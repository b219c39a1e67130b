import type { App } from '../app.js';
import type { TierChoice } from '../api/types.js';
import { presets } from '../model/ranges.js';
import type { ChartsState } from '../model/url-state.js';
import { Segments, selectField } from '../ui/field.js';
import { h } from '../ui/h.js';
import { icon } from '../ui/icon.js';

const tierChoices: readonly { value: TierChoice; label: string }[] = [
  { value: 'auto', label: 'automatic' },
  { value: 'raw', label: 'raw readings' },
  { value: '1m', label: '1 minute' },
  { value: '1h', label: '1 hour' },
  { value: '1d', label: '1 day' },
];

const layouts = [
  { value: 'split', label: 'By unit' },
  { value: 'overlay', label: 'Overlay' },
] as const;

/** Range, resolution and layout of the charts page. */
export class ChartsToolbar {
  readonly element: HTMLElement;
  private readonly ranges: Segments<string>;
  private readonly layout: Segments<ChartsState['layout']>;
  private readonly tier: { element: HTMLElement; select: HTMLSelectElement };
  private readonly span = h('span', { class: 'span-note' });

  constructor(
    private readonly app: App,
    change: (patch: Partial<ChartsState>) => void,
  ) {
    const choices = presets.map(({ from, label }) => ({ value: from, label }));
    this.ranges = new Segments('Range', choices, (from) => change({ from, to: '' }));
    this.layout = new Segments('Layout', layouts, (layout) => change({ layout }));
    this.tier = selectField('Resolution', tierChoices, (tier) => change({ tier }));
    const copy = h(
      'button',
      { type: 'button', class: 'button', on: { click: () => void this.copy() } },
      icon('link'),
      'Copy link',
    );
    this.element = h(
      'div',
      { class: 'toolbar charts-toolbar' },
      this.ranges.element,
      this.span,
      this.tier.element,
      this.layout.element,
      copy,
    );
  }

  show({ from, to, tier, layout }: ChartsState): void {
    this.ranges.show(to === '' ? from : undefined);
    this.layout.show(layout);
    this.tier.select.value = tier;
    const fixed = to !== '';
    this.span.hidden = !fixed;
    this.span.textContent = fixed ? 'a fixed range' : '';
  }

  private async copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(location.href);
      this.app.announcer.say('Link copied');
    } catch {
      // Only pages of a secure origin may write to the clipboard.
      this.app.announcer.say('The link stands in the address bar');
    }
  }
}
