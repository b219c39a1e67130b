import type { StoredPoint, StoredRollup } from '../store/store.js';

/** The values of one series as columns of one length. A rollup's value is its mean; it has no quality and its form is `rollup`. */
export interface Columns {
  readonly timeUs: number[];
  readonly value: (number | string | null)[];
  readonly min: (number | null)[];
  readonly max: (number | null)[];
  readonly count: (number | null)[];
  readonly quality: (string | null)[];
  readonly form: string[];
}

function emptyColumns(): Columns {
  return { timeUs: [], value: [], min: [], max: [], count: [], quality: [], form: [] };
}

export function columnsOfPoints(points: readonly StoredPoint[]): Columns {
  const columns = emptyColumns();
  for (const point of points) {
    columns.timeUs.push(point.timeUs);
    columns.value.push(point.value ?? point.text ?? null);
    columns.min.push(point.min ?? null);
    columns.max.push(point.max ?? null);
    columns.count.push(point.count ?? null);
    columns.quality.push(point.quality);
    columns.form.push(point.form);
  }
  return columns;
}

/** The newest `limit` of rollups that come oldest first. */
export async function columnsOfRollups(pages: AsyncIterable<StoredRollup[]>, limit: number): Promise<Columns> {
  let newest: StoredRollup[] = [];
  for await (const page of pages) {
    newest.push(...page);
    if (newest.length > 2 * limit) newest = newest.slice(-limit);
  }
  const columns = emptyColumns();
  for (const { timeUs, sum, weight, min, max, count } of newest.slice(-limit)) {
    columns.timeUs.push(timeUs);
    columns.value.push(weight > 0 ? sum / weight : null);
    columns.min.push(min);
    columns.max.push(max);
    columns.count.push(count);
    columns.quality.push(null);
    columns.form.push('rollup');
  }
  return columns;
}
