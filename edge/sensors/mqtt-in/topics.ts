import { coversFilter, overlaps } from '#core/contract/topic-filter.js';

/** Two filters that share topics without one covering the other: a broker may send such a message twice. */
export function crossing(filters: readonly string[]): readonly [string, string] | undefined {
  const wide = widest(filters);
  for (const [i, one] of wide.entries()) {
    const other = wide.slice(i + 1).find((each) => overlaps(one, each));
    if (other !== undefined) return [one, other];
  }
  return undefined;
}

/** The filters that cover all others: subscribed to them, nothing is missed and nothing comes twice. */
export function widest(filters: readonly string[]): string[] {
  const distinct = [...new Set(filters)];
  return distinct.filter((inner) => !distinct.some((outer) => outer !== inner && coversFilter(outer, inner)));
}
