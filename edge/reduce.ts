import { z } from 'zod';
import type { SensorDescription } from '#core/contract/catalogue.js';
import { durationBetween, durationSchema } from '#core/runtime/durations.js';
import { AnomalyContext } from '#core/signal/anomaly-context.js';
import type { Reducer } from '#core/signal/filter.js';
import { Deadband } from '#core/signal/reducers/deadband.js';
import { MinInterval } from '#core/signal/reducers/min-interval.js';
import { PassThrough } from '#core/signal/reducers/pass-through.js';
import { Percentile } from '#core/signal/reducers/percentile.js';
import type { SegmentOptions } from '#core/signal/reducers/segment-reducer.js';
import { Swing } from '#core/signal/reducers/swing.js';
import { SwingingDoor } from '#core/signal/reducers/swinging-door.js';
import { WindowReducer } from '#core/signal/reducers/window.js';
import { isWindowWidth } from '#core/signal/window-parts.js';

const percentPattern = /^(\d+(?:\.\d+)?)\s*%$/;

export const toleranceSchema = z.union([
  z.number().positive(),
  z.string().refine((text) => Number(percentPattern.exec(text)?.[1]) > 0, 'must be a number above 0, or like 1%'),
]);
export type Tolerance = z.infer<typeof toleranceSchema>;

/** The tolerance in the sensor's unit. `span`: what percent are of. Throws RangeError for percent without one. */
export function absoluteTolerance(tolerance: Tolerance, span: number | undefined): number {
  if (typeof tolerance === 'number') return tolerance;
  if (span === undefined) throw new RangeError(`${tolerance} of what? There is no span`);
  return (Number(percentPattern.exec(tolerance)![1]) / 100) * span;
}

/** Reducers of form `segment`: how their points are read, and how one is made. */
const segmentKinds = {
  swing: { interpolation: 'linear', create: (options: SegmentOptions) => new Swing(options) },
  swingingDoor: { interpolation: 'linear', create: (options: SegmentOptions) => new SwingingDoor(options) },
  deadband: { interpolation: 'hold', create: (options: SegmentOptions) => new Deadband(options) },
} as const;
export type SegmentKind = keyof typeof segmentKinds;
const segmentNames = Object.keys(segmentKinds) as SegmentKind[];
const kinds = ['window', ...segmentNames, 'minInterval'] as const;

const contextShape = {
  beforeMs: durationBetween('0s', '10m').prefault('5s').describe('How long before an anomaly'),
  afterMs: durationBetween('0s', '10m').prefault('5s').describe('How long after it'),
};

const ofPercent = "in the sensor's unit, or in percent of `span`";

export const reduceSchema = z
  .strictObject({
    window: durationSchema
      .refine((ms) => isWindowWidth(ms * 1000), 'must divide a minute, or be whole minutes that divide an hour')
      .optional()
      .describe('Width of the UTC-aligned windows: mean, min, max, first, last, count'),
    p95: z.boolean().optional().describe('Whether each window has its 95th percentile as well. Default false'),
    swing: toleranceSchema
      .optional()
      .describe(`Lines that are never further than this from any reading, ${ofPercent}; best for analogue sensors`),
    swingingDoor: toleranceSchema
      .optional()
      .describe(`Lines between true readings, less than twice this from any other, ${ofPercent}`),
    deadband: toleranceSchema
      .optional()
      .describe(`A reading goes out when it differs by more than this from the last one sent, ${ofPercent}`),
    minInterval: durationBetween('1ms', '1d')
      .optional()
      .describe('At most one reading in this time; the others are left out, and counted'),
    span: z.number().positive().optional().describe("What percent are of: the sensor's range, in its unit"),
    heartbeat: durationBetween('1ms', '30d')
      .optional()
      .describe(
        'Of swing, swingingDoor and deadband: a point at least this often. Default and at most the maximum gap',
      ),
    maxGap: durationBetween('1ms', '30d')
      .optional()
      .describe('The longest gap across which segments are read; the catalogue says it. Default 10 minutes'),
    context: z
      .union([z.literal('none'), z.strictObject(contextShape)])
      .prefault({})
      .describe(
        'Readings around a spike or a raised alert that go out as they are, for viewing. Default 5s before and after',
      ),
  })
  .superRefine((config, issues) => {
    const given = kinds.filter((kind) => config[kind] !== undefined);
    const fault = (message: string, path: string[] = []) => issues.addIssue({ code: 'custom', message, path });
    if (given.length !== 1) return fault(`needs one of ${kinds.join(', ')}, and no two of them`);
    const tolerance = toleranceOf(config)?.tolerance;
    if (config.p95 !== undefined && config.window === undefined) fault('is for window only', ['p95']);
    if (typeof tolerance === 'string' && config.span === undefined)
      fault('is needed for a tolerance in percent', ['span']);
    for (const only of ['span', 'heartbeat', 'maxGap'] as const) {
      if (config[only] !== undefined && tolerance === undefined)
        fault(`is for ${segmentNames.join(', ')} only`, [only]);
    }
  });
export type ReduceConfig = z.infer<typeof reduceSchema>;

type Segments = Pick<ReduceConfig, SegmentKind>;

function toleranceOf(config: Segments): { kind: SegmentKind; tolerance: Tolerance } | undefined {
  for (const kind of segmentNames) {
    const tolerance = config[kind];
    if (tolerance !== undefined) return { kind, tolerance };
  }
  return undefined;
}

/** What the catalogue says of a channel that is reduced so. */
export function describeReduced(config: ReduceConfig | 'none', channel: SensorDescription): SensorDescription {
  const segments = config === 'none' ? undefined : toleranceOf(config);
  if (!segments || config === 'none') return channel;
  const maxGapUs = config.maxGap === undefined ? channel.maxGapUs : Math.round(config.maxGap * 1000);
  return { ...channel, interpolation: segmentKinds[segments.kind].interpolation, maxGapUs };
}

/** `channel` is what {@link describeReduced} gave. */
export function createReducer(
  config: ReduceConfig | 'none',
  channel: SensorDescription,
  onFineTolerance?: SegmentOptions['onFineTolerance'],
): Reducer {
  if (config === 'none') return new PassThrough();
  const { window, p95, minInterval, span, heartbeat } = config;
  if (window !== undefined) return new WindowReducer(window * 1000, p95 ? new Percentile(0.95) : undefined);
  if (minInterval !== undefined) return new MinInterval(minInterval * 1000);
  const { kind, tolerance } = toleranceOf(config)!;
  return segmentKinds[kind].create({
    tolerance: absoluteTolerance(tolerance, span),
    maxGapUs: channel.maxGapUs,
    ...(heartbeat !== undefined && { heartbeatUs: heartbeat * 1000 }),
    ...(onFineTolerance && { onFineTolerance }),
  });
}

/** Undefined where every reading goes out anyway. */
export function createContext(config: ReduceConfig | 'none'): AnomalyContext | undefined {
  if (config === 'none' || config.context === 'none') return undefined;
  const { beforeMs, afterMs } = config.context;
  return new AnomalyContext({ beforeUs: beforeMs * 1000, afterUs: afterMs * 1000 });
}
