import { Cell } from '../model/cell.js';

export type Theme = 'light' | 'dark';

const storageKey = 'fieldline.theme';

/** Light or dark: as the system says, until someone chooses. `early.ts` sets the choice before the first paint. */
export class ThemeSwitch {
  readonly current: Cell<Theme>;
  private readonly system = matchMedia('(prefers-color-scheme: dark)');

  constructor(private readonly storage: Pick<Storage, 'getItem' | 'setItem'>) {
    this.current = new Cell(this.chosen() ?? this.systemTheme());
    this.system.addEventListener('change', () => {
      if (!this.chosen()) this.current.set(this.systemTheme());
    });
  }

  toggle(): Theme {
    const next = this.current.value === 'dark' ? 'light' : 'dark';
    document.documentElement.dataset['theme'] = next;
    this.storage.setItem(storageKey, next);
    this.current.set(next);
    return next;
  }

  private systemTheme(): Theme {
    return this.system.matches ? 'dark' : 'light';
  }

  private chosen(): Theme | undefined {
    const stored = this.storage.getItem(storageKey);
    return stored === 'light' || stored === 'dark' ? stored : undefined;
  }
}
