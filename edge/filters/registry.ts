import type { z } from 'zod';
import type { SensorDescription } from '#core/contract/catalogue.js';
import type { Filter } from '#core/signal/filter.js';
import { taggedUnion, type Tagged } from '../tagged-union.js';
import { hampel } from './hampel.js';

/** A filter that can be named in the configuration: its options, and how one is built for a channel. */
export interface FilterKind {
  /** What it does, in a sentence or two; `docs/edge.md` shows it. */
  readonly summary: string;
  /** One entry of `filters` as YAML, with `filter`; it must parse. */
  readonly example: string;
  readonly shape: z.ZodRawShape;
  /** `options` is what `shape` parsed. */
  readonly create: (options: never, channel: SensorDescription) => Filter;
}

export const filterKinds = { hampel } satisfies Record<string, FilterKind>;

export const filterSchema = taggedUnion('filter', filterKinds, {});
export type FilterConfig = Tagged<'filter', typeof filterKinds, {}>;

/** A fresh filter for one channel. */
export function createFilter(config: FilterConfig, channel: SensorDescription): Filter {
  const kind: FilterKind = filterKinds[config.filter];
  return kind.create(config as never, channel);
}
