import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { z } from 'zod';
import { logTopics } from '#core/contract/log-topics.js';
import { nameSchema } from '#core/contract/names.js';
import { messageOf } from '#core/runtime/errors.js';
import type { StoredPoint, StoredRollup } from '../store/store.js';
import { queryOf, type ApiContext, type ApiRequest, type Route } from './api-context.js';
import { logColumns, logRows } from './export-log.js';
import { filterShape, momentSchema, parseParameters, resolveRange } from './parameters.js';

const rangeShape = { from: momentSchema.optional(), to: momentSchema.optional() };
const pointParameters = z.object({ ...filterShape, ...rangeShape, repeats: z.literal('show').optional() });
const rollupParameters = z.object({ ...filterShape, ...rangeShape }).extend({ tier: z.enum(['1m', '1h', '1d']) });
const logParameters = z.object({
  topic: z.enum([logTopics.readings.name, logTopics.alerts.name]),
  site: nameSchema.optional(),
});

const pointColumns = [
  'series',
  'form',
  'timeUs',
  'value',
  'quality',
  'count',
  'min',
  'max',
  'first',
  'last',
  'spanUs',
  'p95',
];
const rollupColumns = ['series', 'timeUs', 'sum', 'weight', 'count', 'min', 'max', 'first', 'last'];

/** `GET /api/v1/export/points`: all stored points of the range, by series, then time; `repeats=show` hides no double. */
export function exportPointsRoute(api: ApiContext): Route {
  return async (c) => {
    const { from, to, repeats, ...filter } = parseParameters(pointParameters, queryOf(c));
    const range = resolveRange({ from, to }, api.clock.nowUs(), { us: 0 });
    return sendRows(api, c, pointColumns, rowsOf(api.store.points(filter, range, repeats && 'repeats'), pointRow));
  };
}

/** `GET /api/v1/export/rollups`: the stored rollups of a tier. */
export function exportRollupsRoute(api: ApiContext): Route {
  return async (c) => {
    const { from, to, tier, ...filter } = parseParameters(rollupParameters, queryOf(c));
    const range = resolveRange({ from, to }, api.clock.nowUs(), { us: 0 });
    return sendRows(api, c, rollupColumns, rowsOf(api.store.rollups(tier, filter, range), rollupRow));
  };
}

/** `GET /api/v1/export/log`: which packs stand in the log, with a hash of their bytes. */
export function exportLogRoute(api: ApiContext): Route {
  return async (c) => {
    const { topic, site } = parseParameters(logParameters, queryOf(c));
    return sendRows(api, c, logColumns, logRows(api.log, topic, site));
  };
}

function pointRow(point: StoredPoint): unknown[] {
  const { form, timeUs, value, text, quality, count, min, max, first, last, spanUs, p95 } = point;
  const series = `${point.site}/${point.device}/${point.sensor}`;
  return [series, form, timeUs, value ?? text, quality, count, min, max, first, last, spanUs, p95];
}

function rollupRow(rollup: StoredRollup): unknown[] {
  const { timeUs, sum, weight, count, min, max, first, last } = rollup;
  return [`${rollup.site}/${rollup.device}/${rollup.sensor}`, timeUs, sum, weight, count, min, max, first, last];
}

async function* rowsOf<T>(pages: AsyncIterable<T[]>, row: (item: T) => unknown[]): AsyncGenerator<string> {
  // An undefined in an array becomes null in JSON.
  for await (const page of pages) yield page.map((item) => `${JSON.stringify(row(item))}\n`).join('');
}

/**
 * Streams NDJSON, a row of column names first, at the pace of the caller. The first page is read before the head is
 * sent, so a store that is away gives a problem; a failure later cuts the connection, which no caller takes for an end.
 */
async function sendRows(
  { exports, logger }: ApiContext,
  c: ApiRequest,
  columns: readonly string[],
  pages: AsyncGenerator<string>,
): Promise<Response> {
  const headers = { 'Content-Type': 'application/x-ndjson; charset=utf-8', 'Cache-Control': 'no-store' };
  if (c.req.raw.method === 'HEAD') return new Response(null, { headers });
  const release = exports.take();
  try {
    const first = await pages.next();
    const { outgoing } = c.env;
    outgoing.writeHead(200, headers);
    const chunks = withFirst(`${JSON.stringify(columns)}\n`, first, pages);
    void pipeline(Readable.from(chunks, { objectMode: false }), outgoing)
      .catch((error: unknown) => logger.warn({ path: c.req.path, error: messageOf(error) }, 'an export broke off'))
      .finally(release);
    return RESPONSE_ALREADY_SENT;
  } catch (error) {
    release();
    throw error;
  }
}

async function* withFirst(
  head: string,
  first: IteratorResult<string>,
  rest: AsyncGenerator<string>,
): AsyncGenerator<string> {
  try {
    yield head;
    if (first.done) return;
    if (first.value !== '') yield first.value;
    for await (const page of rest) if (page !== '') yield page;
  } finally {
    await rest.return(undefined);
  }
}
