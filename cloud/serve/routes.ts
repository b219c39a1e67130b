import { alertsRoute } from './alerts-route.js';
import type { ApiContext, Route } from './api-context.js';
import { completenessRoute } from './completeness-since.js';
import { devicesRoute } from './devices-route.js';
import { exportLogRoute, exportPointsRoute, exportRollupsRoute } from './export-routes.js';
import { queryRoute } from './query-route.js';
import { rolloutProgressRoute } from './rollout-progress.js';
import { seriesRoute } from './series-route.js';

/** The routes that answer from the context alone; the pipeline and the live stream have state of their own. */
export const routes = {
  '/api/v1/completeness': completenessRoute,
  '/api/v1/devices': devicesRoute,
  '/api/v1/rollout-progress': rolloutProgressRoute,
  '/api/v1/series': seriesRoute,
  '/api/v1/query': queryRoute,
  '/api/v1/alerts': alertsRoute,
  '/api/v1/export/points': exportPointsRoute,
  '/api/v1/export/rollups': exportRollupsRoute,
  '/api/v1/export/log': exportLogRoute,
} satisfies Record<string, (api: ApiContext) => Route>;
