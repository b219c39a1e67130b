import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { relativeMs, resolveSpan } from '../../../cloud/console/page/model/ranges.js';
import {
  chartsHash,
  defaultCharts,
  deviceHash,
  maxChartSeries,
  parseRoute,
  type ChartsState,
} from '../../../cloud/console/page/model/url-state.js';

describe('addresses', () => {
  it.each([
    ['', { view: 'overview' }],
    ['#/', { view: 'overview' }],
    ['#/devices', { view: 'devices' }],
    ['#/devices/plant1/press-07', { view: 'device', site: 'plant1', device: 'press-07' }],
    ['#/devices/plant1', { view: 'unknown', path: '/devices/plant1' }],
    ['#/devices/a%2Fb/<x>', { view: 'unknown', path: '/devices/a%2Fb/<x>' }],
    ['#/devices/%E0%A4%A/x', { view: 'unknown', path: '/devices/%E0%A4%A/x' }],
    ['#/rollouts', { view: 'rollouts' }],
    ['#/alerts', { view: 'alerts' }],
    ['#/nowhere', { view: 'unknown', path: '/nowhere' }],
  ])('%s', (hash, route) => expect(parseRoute(hash)).toEqual(route));

  it('of a device come back', () => {
    const id = { site: 'plant1', device: 'a.b:c_d-1' };
    expect(parseRoute(deviceHash(id))).toEqual({ view: 'device', ...id });
  });

  it('of charts come back whole', () => {
    const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.:-]{0,20}$/);
    const series = fc.tuple(name, name, name).map((parts) => parts.join('/'));
    const states: fc.Arbitrary<ChartsState> = fc.record({
      series: fc.uniqueArray(series, { maxLength: 20 }),
      from: fc.constantFrom('-15m', '-1h', '-30d', '2026-11-21T10:00:00.000Z'),
      to: fc.constantFrom('', '2026-11-21T11:00:00.000Z'),
      tier: fc.constantFrom('auto', 'raw', '1m', '1h', '1d'),
      layout: fc.constantFrom('split', 'overlay'),
    });
    fc.assert(
      fc.property(states, (state) => {
        expect(parseRoute(chartsHash(state))).toEqual({ view: 'charts', state });
      }),
    );
  });

  it('of charts with nonsense in them become the defaults', () => {
    const route = parseRoute(
      '#/charts?series=a/b&series=../../x&series=a/b/c&series=a/b/c&from=yesterday&to=x&tier=9d&layout=z',
    );
    expect(route).toEqual({ view: 'charts', state: { ...defaultCharts, series: ['a/b/c'] } });
    expect(chartsHash({})).toBe('#/charts');
  });

  it('of charts name a bounded number of series', () => {
    const many = Array.from({ length: 500 }, (_, i) => `a/b/s${i}`);
    const route = parseRoute(chartsHash({ series: many }));
    expect(route.view === 'charts' && route.state.series).toHaveLength(maxChartSeries);
  });
});

describe('ranges', () => {
  const nowMs = Date.UTC(2026, 10, 21);

  it('are relative and live, or fixed', () => {
    expect(relativeMs('-15m')).toBe(900_000);
    expect(relativeMs('15m')).toBeUndefined();
    expect(resolveSpan('-1h', '', nowMs)).toEqual({ fromMs: nowMs - 3_600_000, toMs: nowMs, live: true });
    const fixed = resolveSpan('2026-11-20T00:00:00Z', '2026-11-20T06:00:00Z', nowMs)!;
    expect([fixed.toMs - fixed.fromMs, fixed.live]).toEqual([6 * 3_600_000, false]);
  });

  it('that end before they begin are none', () => {
    expect(resolveSpan('2026-11-21T06:00:00Z', '2026-11-20T06:00:00Z', nowMs)).toBeUndefined();
    expect(resolveSpan('soon', '', nowMs)).toBeUndefined();
  });
});
