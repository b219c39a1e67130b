import { deviceKey, type SeriesId } from '#core/contract/names.js';
import type { TimeRange } from '../store.js';
import { matchingAny, type Flux } from './flux.js';

/** How much of a series lies in a range: what a query about it will answer. */
export interface Extent extends SeriesId {
  readonly count: number;
  readonly firstUs: number;
  readonly lastUs: number;
}

/** About how many rows one query may answer, and how many series. */
const pageRows = 20_000;
export const maxQuerySeries = 1000;
/** A predicate for the series of a group; a device that lies in it with all its series is named once. */
export function placeOf(group: readonly Extent[], all: readonly Extent[]): Flux {
  const sizes = countByDevice(all);
  const own = countByDevice(group);
  const whole = (extent: Extent) => own.get(deviceKey(extent)) === sizes.get(deviceKey(extent));
  const devices = new Map(
    group.filter(whole).map(({ site, device }) => [deviceKey({ site, device }), { site, device }]),
  );
  const others = group.filter((extent) => !whole(extent));
  return matchingAny([...devices.values(), ...others.map(({ site, device, sensor }) => ({ site, device, sensor }))]);
}

function countByDevice(extents: readonly Extent[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const extent of extents) counts.set(deviceKey(extent), (counts.get(deviceKey(extent)) ?? 0) + 1);
  return counts;
}

/** Consecutive series that one query can answer together; a large series stands alone. */
export function* groupsOf(extents: readonly Extent[]): Generator<Extent[]> {
  let group: Extent[] = [];
  let rows = 0;
  for (const extent of extents) {
    if (group.length > 0 && (rows + extent.count > pageRows || group.length >= maxQuerySeries)) {
      yield group;
      [group, rows] = [[], 0];
    }
    group.push(extent);
    rows += extent.count;
  }
  if (group.length > 0) yield group;
}

/** Equal slices of time that hold about a page each, if the points are spread evenly. */
export function* slicesOf({ count, firstUs, lastUs }: Extent): Generator<TimeRange> {
  const slices = Math.ceil(count / pageRows);
  const widthUs = Math.ceil((lastUs + 1 - firstUs) / slices);
  for (let fromUs = firstUs; fromUs <= lastUs; fromUs += widthUs) {
    yield { fromUs, toUs: Math.min(fromUs + widthUs, lastUs + 1) };
  }
}
