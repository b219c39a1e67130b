import { describe, expect, it } from 'vitest';
import { Deadband } from '../../core/signal/reducers/deadband.js';
import { MinInterval } from '../../core/signal/reducers/min-interval.js';
import { Swing } from '../../core/signal/reducers/swing.js';
import { SwingingDoor } from '../../core/signal/reducers/swinging-door.js';
import { WindowReducer } from '../../core/signal/reducers/window.js';
import {
  absoluteTolerance,
  createContext,
  createReducer,
  describeReduced,
  reduceSchema,
  toleranceSchema,
} from '../../edge/reduce.js';
import { describeSensor } from '../support/packs.js';

const channel = describeSensor();
const faults = (config: object) =>
  reduceSchema.safeParse(config).error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);

describe('reduce', () => {
  it.each([
    [{ window: '10s', p95: true }, WindowReducer, 'none'],
    [{ swing: 0.5, heartbeat: '1m' }, Swing, 'linear'],
    [{ swing: '1%', span: 80 }, Swing, 'linear'],
    [{ swingingDoor: 0.5, maxGap: '1h' }, SwingingDoor, 'linear'],
    [{ deadband: '0.5 %', span: 100 }, Deadband, 'hold'],
    [{ minInterval: '5s' }, MinInterval, 'none'],
  ] as const)('%j', (config, kind, interpolation) => {
    const parsed = reduceSchema.parse(config);
    const described = describeReduced(parsed, channel);
    expect(described.interpolation).toBe(interpolation);
    expect(createReducer(parsed, described)).toBeInstanceOf(kind);
    expect(createContext(parsed)).toBeDefined();
  });

  it('tells the catalogue the maximum gap', () => {
    const described = describeReduced(reduceSchema.parse({ swing: 1, maxGap: '1h' }), channel);
    expect(described.maxGapUs).toBe(3_600_000_000);
    expect(describeReduced(reduceSchema.parse({ swing: 1 }), channel).maxGapUs).toBe(channel.maxGapUs);
    expect(describeReduced('none', channel)).toEqual(channel);
  });

  it('names what is wrong', () => {
    expect(faults({})).toEqual([
      ': needs one of window, swing, swingingDoor, deadband, minInterval, and no two of them',
    ]);
    expect(faults({ window: '10s', swing: 1 })).toHaveLength(1);
    expect(faults({ swing: '1%' })).toEqual(['span: is needed for a tolerance in percent']);
    expect(faults({ swing: 1, p95: true })).toEqual(['p95: is for window only']);
    expect(faults({ window: '7s' })).toEqual(['window: must divide a minute, or be whole minutes that divide an hour']);
    expect(faults({ window: '10s', span: 5, maxGap: '1m' })).toEqual([
      'span: is for swing, swingingDoor, deadband only',
      'maxGap: is for swing, swingingDoor, deadband only',
    ]);
  });

  it('sends no context where that is not wanted, or everything goes out', () => {
    expect(createContext(reduceSchema.parse({ window: '10s', context: 'none' }))).toBeUndefined();
    expect(createContext('none')).toBeUndefined();
  });
});

describe('a tolerance', () => {
  it('is of the unit, or percent of a span', () => {
    expect(absoluteTolerance(0.5, undefined)).toBe(0.5);
    expect(absoluteTolerance('2 %', 50)).toBe(1);
    expect(absoluteTolerance('0.5%', 200)).toBe(1);
    expect(() => absoluteTolerance('1%', undefined)).toThrow(RangeError);
  });

  it.each([0, -1, '0%', '%', '1', '-1%', 'x'])('is not %j', (tolerance) => {
    expect(toleranceSchema.safeParse(tolerance).success).toBe(false);
  });
});
