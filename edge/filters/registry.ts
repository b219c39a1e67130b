import type { z } from 'zod';
import type { SensorDescription } from '#core/contract/catalogue.js';
import type { Filter } from '#core/signal/filter.js';
import { taggedUnion, type Tagged } from '#core/runtime/tagged-union.js';
import { calibrate } from './calibrate.js';
import { convert } from './convert.js';
import { hampel } from './hampel.js';
import { range } from './range.js';
import { rateOfChange } from './rate-of-change.js';
import { stuck } from './stuck.js';

/** A filter that can be named in the configuration: its options, and how one is built for a channel. */
export interface FilterKind {
  /** What it does, in a sentence or two; `docs/edge.md` shows it. */
  readonly summary: string;
  /** One entry of `filters` as YAML, with `filter`; it must parse. */
  readonly example: string;
  readonly shape: z.ZodRawShape;
  /** `options` is what `shape` parsed. */
  readonly create: (options: never, channel: SensorDescription) => Filter;
  /** What the channel is behind the filter. Default: what it was before. */
  readonly describe?: (options: never, channel: SensorDescription) => SensorDescription;
}

export const filterKinds = {
  calibrate,
  convert,
  hampel,
  range,
  'rate-of-change': rateOfChange,
  stuck,
} satisfies Record<string, FilterKind>;

export const filterSchema = taggedUnion('filter', filterKinds, {});
export type FilterConfig = Tagged<'filter', typeof filterKinds, {}>;

/** What a channel is behind a filter. */
export function describeFiltered(config: FilterConfig, channel: SensorDescription): SensorDescription {
  const kind: FilterKind = filterKinds[config.filter];
  return kind.describe?.(config as never, channel) ?? channel;
}

/** A fresh filter for one channel, as it is before that filter. Throws FatalError `bad-config` if they do not agree. */
export function createFilter(config: FilterConfig, channel: SensorDescription): Filter {
  const kind: FilterKind = filterKinds[config.filter];
  return kind.create(config as never, channel);
}
