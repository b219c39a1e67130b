import { z } from 'zod';
import { answerJson, queryOf, type ApiContext, type Route } from './api-context.js';
import type { FleetSeries } from './fleet-device.js';
import { filterShape, limitSchema, parseParameters, seriesKeySchema } from './parameters.js';

const parameters = z.object({
  ...filterShape,
  quantity: z.string().max(64).optional(),
  limit: limitSchema(1000, 200),
  after: seriesKeySchema.optional(),
});

/** `GET /api/v1/series`: a page in order of the series' names; `next` is the `after` of the next page. */
export function seriesRoute({ fleet }: ApiContext): Route {
  return async (c) => {
    const { limit, after, quantity, ...filter } = parseParameters(parameters, queryOf(c));
    const all = fleet.series();
    const page: FleetSeries[] = [];
    let more = false;
    for (let i = after === undefined ? 0 : firstAfter(all, after); i < all.length; i += 1) {
      const series = all[i]!;
      if (quantity !== undefined && series.quantity !== quantity) continue;
      if (!matches(series, filter)) continue;
      more = page.length === limit;
      if (more) break;
      page.push(series);
    }
    return answerJson({ series: page.map(seriesView), next: more ? page.at(-1)!.key : null });
  };
}

function matches(
  { key, sensor: name }: FleetSeries,
  filter: { site?: string; device?: string; sensor?: string },
): boolean {
  const { site, device, sensor } = filter;
  if (sensor !== undefined && name !== sensor) return false;
  if (site !== undefined && !key.startsWith(`${site}/`)) return false;
  return device === undefined || key.split('/')[1] === device;
}

function firstAfter(all: readonly FleetSeries[], key: string): number {
  let [low, high] = [0, all.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (all[middle]!.key <= key) low = middle + 1;
    else high = middle;
  }
  return low;
}

function seriesView({ key, sensor, quantity, unit, labels, last }: FleetSeries): object {
  const [site, device] = key.split('/');
  return { series: key, site, device, sensor, quantity, unit, labels, last };
}
