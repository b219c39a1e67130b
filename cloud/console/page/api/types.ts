import type { DeviceAlert } from '#core/contract/alert.js';
import type { Form, Quality } from '#core/contract/reading.js';
import type { StageView } from '#core/contract/rollout-state.js';
import type { Columns } from '../../../serve/columns.js';
import type { Completeness, DeviceView } from '../../../serve/device-view.js';
import type { PipelineView } from '../../../serve/pipeline.js';
import type { ReleaseView } from '../../../serve/release-view.js';
import type { HeldDevice, RolloutProgress, RolloutProgressAnswer } from '../../../serve/rollout-progress.js';
import type { Tier } from '../../../store/store.js';

/** The documents of the HTTP API (`/api/v1`). Times are microseconds since 1970, UTC. */
export type { Columns, Completeness, DeviceAlert, DeviceView, Form, PipelineView, Quality, ReleaseView, Tier };
export type { HeldDevice, RolloutProgress, RolloutProgressAnswer, StageView };

export interface LastValue {
  readonly timeUs: number;
  /** Booleans are 0 and 1. */
  readonly value: number | string;
  readonly quality: Quality;
}

export interface SeriesRow {
  /** `<site>/<device>/<sensor>` */
  readonly series: string;
  readonly site: string;
  readonly device: string;
  readonly sensor: string;
  readonly quantity: string;
  readonly unit: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly last: LastValue | null;
}

export interface SeriesPage {
  readonly series: readonly SeriesRow[];
  readonly next: string | null;
}

export interface QuerySeries {
  readonly series: string;
  readonly quantity: string;
  readonly unit: string;
  readonly columns: Columns;
}

export interface QueryAnswer {
  readonly fromUs: number;
  readonly toUs: number;
  readonly tier: Tier;
  /** Which layer served it: `speed` or `batch`. */
  readonly layer: string;
  readonly completeness: readonly Completeness[];
  readonly series: readonly QuerySeries[];
}

export type TierChoice = Tier | 'auto';

/** One live reading: series, timeUs, value, quality, form. */
export type LivePoint = readonly [series: string, timeUs: number, value: number | string, quality: Quality, form: Form];
