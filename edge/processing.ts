import { z } from 'zod';
import type { SensorDescription } from '#core/contract/catalogue.js';
import { nameSchema } from '#core/contract/names.js';
import { durationSchema } from '#core/runtime/durations.js';
import type { Anomaly } from '#core/signal/detectors/anomaly.js';
import { Threshold } from '#core/signal/detectors/threshold.js';
import { Pipeline } from '#core/signal/pipeline.js';
import { anomalySchema, createAnomaly } from './anomaly.js';
import { createFilter, describeFiltered, filterSchema } from './filters/registry.js';
import { globMatcher } from './glob.js';
import { createContext, createReducer, describeReduced, reduceSchema } from './reduce.js';

const alertSchema = z
  .strictObject({
    sensor: z.string().min(1).default('*').describe('Glob of the sensors it watches'),
    rule: nameSchema.optional().describe('Its name. Default: above-80, from side and threshold'),
    above: z.number().optional().describe("Raised above this, in the sensor's unit"),
    below: z.number().optional().describe("Raised below this, in the sensor's unit"),
    hysteresis: z.number().nonnegative().default(0).describe('How far the value must come back to clear it'),
    holdMs: durationSchema.prefault('0s').describe('How long the value must stay beyond before it is raised'),
    countSpikes: z
      .boolean()
      .default(false)
      .describe('Whether marked spikes count; otherwise a jump is believed when it has outlasted a spike'),
    severity: z.enum(['info', 'warning', 'critical']).default('warning').describe('How much it matters'),
  })
  .refine(({ above, below }) => (above === undefined) !== (below === undefined), 'needs either above or below');
type AlertConfig = z.infer<typeof alertSchema>;

/** What happens to the readings of a channel on their way to the outbox; the keys of a sensor or of a glob. */
export const processingShape = {
  filters: z
    .array(filterSchema)
    .optional()
    .describe(
      'Steps that mark, drop or replace readings, in their order. Default: the hampel filter, which marks spikes',
    ),
  reduce: z
    .union([z.literal('none'), reduceSchema])
    .optional()
    .describe('none: every reading travels; otherwise fewer points, which stand for all readings. Default none'),
  alerts: z.array(alertSchema).optional().describe('Thresholds that raise and clear alerts at once'),
  anomaly: z
    .union([z.literal('none'), anomalySchema])
    .optional()
    .describe('Alerts when the sensor behaves as it never did before; {} for the usual settings. Default none'),
  labels: z
    .record(z.string().regex(/^[a-z][a-z0-9_]{0,31}$/), z.string().min(1).max(128))
    .optional()
    .describe('Floor, room, line, machine, city: for grouping in the cloud'),
};
const processingSchema = z.strictObject(processingShape);
export type Processing = z.infer<typeof processingSchema>;

/** Where nothing else is said spikes are marked, and nothing is left out; `filters: []` turns it off. */
const defaultFilters = [filterSchema.parse({ filter: 'hampel' })];

export const channelDefaultsSchema = z.record(z.string().min(1), processingSchema);

/** What one sensor's channels get: its driver's processing under that of all globs, its own over them. */
export interface SensorProcessing {
  readonly driver?: Processing;
  readonly own?: Processing;
}

/** The processing of each channel: that of every glob that matches, a later one over an earlier. */
export class ProcessingPlan {
  private readonly defaults: readonly { matches: (channel: string) => boolean; processing: Processing }[];

  /** `onFineTolerance` hears, once for a channel, that its tolerance is below the smallest step of its readings. */
  constructor(
    defaults: z.infer<typeof channelDefaultsSchema>,
    private readonly onFineTolerance: (channel: string, smallestStep: number, unit: string) => void = () => undefined,
  ) {
    this.defaults = Object.entries(defaults).map(([glob, processing]) => ({
      matches: globMatcher([glob]),
      processing,
    }));
  }

  /** A fresh pipeline for one channel, as its driver describes it. Throws FatalError `bad-config` if that does not suit. */
  pipeline(channel: string, description: SensorDescription, sensor: SensorProcessing = {}): Pipeline {
    const layers = this.layers(channel, sensor);
    let behind = description;
    const filters = (lastOf(layers, 'filters') ?? defaultFilters).map((config) => {
      const filter = createFilter(config, behind);
      behind = describeFiltered(config, behind);
      return filter;
    });
    const reduce = lastOf(layers, 'reduce') ?? 'none';
    behind = describeReduced(reduce, behind);
    const { unit } = behind;
    const context = createContext(reduce);
    const alerts = layers.flatMap((layer) => layer.alerts ?? []).filter(({ sensor }) => globMatcher([sensor])(channel));
    return new Pipeline({
      filters,
      detectors: [...byRule(alerts).map((alert) => createThreshold(alert, unit)), ...anomalyOf(layers, unit)],
      reducer: createReducer(reduce, behind, (smallestStep) => this.onFineTolerance(channel, smallestStep, unit)),
      ...(context && { context }),
    });
  }

  /** What the catalogue says: unit and interpolation as they leave the pipeline, the configuration's labels over the driver's. */
  labelled(channel: string, description: SensorDescription, sensor: SensorProcessing = {}): SensorDescription {
    const layers = this.layers(channel, sensor);
    const filters = lastOf(layers, 'filters') ?? defaultFilters;
    const filtered = filters.reduce((behind, config) => describeFiltered(config, behind), description);
    const reduced = describeReduced(lastOf(layers, 'reduce') ?? 'none', filtered);
    const labels = layers.map((layer) => layer.labels ?? {});
    return { ...reduced, labels: Object.assign({ ...description.labels }, ...labels) as Record<string, string> };
  }

  private layers(channel: string, { driver = {}, own = {} }: SensorProcessing): Processing[] {
    const matching = this.defaults.filter(({ matches }) => matches(channel)).map(({ processing }) => processing);
    return [driver, ...matching, own];
  }
}

function anomalyOf(layers: readonly Processing[], unit: string): Anomaly[] {
  const config = lastOf(layers, 'anomaly') ?? 'none';
  return config === 'none' ? [] : [createAnomaly(config, unit)];
}

function lastOf<Key extends 'filters' | 'reduce' | 'anomaly'>(
  layers: readonly Processing[],
  key: Key,
): Processing[Key] {
  return layers.findLast((layer) => layer[key] !== undefined)?.[key];
}

/** A rule's name is part of an alert's identity: of two with one name the later holds. */
function byRule(alerts: readonly AlertConfig[]): AlertConfig[] {
  return [...new Map(alerts.map((alert) => [ruleName(alert), alert])).values()];
}

function ruleName({ rule, above, below }: AlertConfig): string {
  return rule ?? `${above === undefined ? 'below' : 'above'}-${above ?? below}`.replace('+', '');
}

function createThreshold(alert: AlertConfig, unit: string): Threshold {
  const { above, below, hysteresis, holdMs, severity, countSpikes } = alert;
  const side = above === undefined ? 'below' : 'above';
  const threshold = (above ?? below)!;
  const rule = ruleName(alert);
  return new Threshold({ rule, severity, side, threshold, hysteresis, holdUs: holdMs * 1000, countSpikes, unit });
}
