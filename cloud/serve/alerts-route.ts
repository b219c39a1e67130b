import { z } from 'zod';
import { answerJson, queryOf, type ApiContext, type Route } from './api-context.js';
import { filterShape, limitSchema, momentSchema, parseParameters, resolveRange } from './parameters.js';

const parameters = z.object({
  ...filterShape,
  from: momentSchema.optional(),
  to: momentSchema.optional(),
  limit: limitSchema(10_000, 200),
});

/** `GET /api/v1/alerts`: the newest first. */
export function alertsRoute({ store, clock }: ApiContext): Route {
  return async (c) => {
    const { from, to, limit, ...filter } = parseParameters(parameters, queryOf(c));
    // A device's clock may be ahead of ours: without `to` its alerts are shown as well.
    const range = from || to ? resolveRange({ from, to }, clock.nowUs(), { us: 0 }) : {};
    const alerts = await store.alerts({ ...filter, ...range, limit });
    return answerJson({ alerts });
  };
}
