/** The colours that a canvas needs, resolved from the style sheet for the present theme. */
export interface Palette {
  readonly series: readonly string[];
  readonly text: string;
  readonly muted: string;
  readonly grid: string;
  readonly surface: string;
  readonly warn: string;
  readonly bad: string;
  readonly font: string;
}

export const paletteSize = 8;

/** Lines beyond the palette's size take its colours again, dashed. */
export function dashOf(index: number): number[] {
  return [[], [6, 4], [2, 3], [8, 3, 2, 3]][Math.floor(index / paletteSize) % 4]!;
}

export function readPalette(): Palette {
  const probe = document.createElement('span');
  probe.hidden = true;
  document.body.append(probe);
  const color = (name: string): string => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const palette: Palette = {
    series: Array.from({ length: paletteSize }, (_, index) => color(`series-${index + 1}`)),
    text: color('text'),
    muted: color('muted'),
    grid: color('grid'),
    surface: color('surface'),
    warn: color('warn'),
    bad: color('bad'),
    font: `11px ${getComputedStyle(document.body).fontFamily}`,
  };
  probe.remove();
  return palette;
}
