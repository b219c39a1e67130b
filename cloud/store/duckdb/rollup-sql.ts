import { formCodes } from './codes.js';
import type { Round } from './dirty-marks.js';
import { tierBelow, type TierSpec } from './tiers.js';

/** The start of the bucket that holds `time`; SQL's remainder is negative before 1970. */
export function bucketOf(time: string, widthUs: number): string {
  return `${time} - ((${time} % ${widthUs}) + ${widthUs}) % ${widthUs}`;
}

const greatest = '1.7976931348623157e308::DOUBLE';
export const clamp = (sql: string) => `least(${greatest}, greatest(-${greatest}, ${sql}))`;

/** A sum that is right to the last bits, and finite: an overflow is summed at a smaller scale and stays at the greatest. */
export function sumOf(sql: string): string {
  return `CASE WHEN isfinite(fsum(${sql})) THEN fsum(${sql})
    ELSE ${clamp(`sum(${clamp(sql)} / 65536) * 65536`)} END`;
}

/** The marks that a round settles. */
export function keysOf({ tier, fromUs, lastUs, lastMark }: Round): string {
  return `SELECT DISTINCT series_id, bucket_us FROM dirty
    WHERE tier = ${tier.code} AND bucket_us BETWEEN ${fromUs} AND ${lastUs} AND mark <= ${lastMark}`;
}

/** Which points a round counts itself: raw ones and windows that fit the bucket and no lower tier. */
function ownPoints({ tier, fromUs, lastUs }: Round): string {
  const child = tierBelow(tier);
  const isWider = child ? `span_us > ${child.widthUs} AND` : '';
  return `time_us >= ${fromUs} AND time_us < ${lastUs + tier.widthUs} AND form <= ${formCodes.window}
    AND value IS NOT NULL AND ${isWider} span_us <= ${tier.widthUs}`;
}

/**
 * The round's own points as parts. `head` and `tail` order the firsts and lasts, also those of one stamp: a raw point
 * comes before the window that starts with it.
 */
function pointParts(round: Round): string {
  const ofWindow = (column: string, otherwise: string) =>
    `CASE WHEN form = ${formCodes.window} THEN ${column} ELSE ${otherwise} END`;
  return `SELECT series_id, ${bucketOf('time_us', round.tier.widthUs)} AS bucket_us,
      ${ofWindow('value * count', 'value')} AS sum, ${ofWindow('count', '1')}::DOUBLE AS weight,
      ${ofWindow('count', '1')} AS count, ${ofWindow('min', 'value')} AS min, ${ofWindow('max', 'value')} AS max,
      ${ofWindow('first', 'value')} AS first, ${ofWindow('last', 'value')} AS last,
      time_us AS first_us, time_us AS last_us, time_us * 2 + form AS head, time_us * 2 + form AS tail
    FROM points WHERE ${ownPoints(round)}`;
}

/** The round's own points of which the file has more than one of an identity, with the row that was written last. */
function repeatsOf(round: Round): string {
  return `SELECT series_id, time_us, form, max(points.rowid) AS newest FROM points
    JOIN (${keysOf(round)}) k USING (series_id)
    WHERE ${ownPoints(round)} AND k.bucket_us = ${bucketOf('time_us', round.tier.widthUs)}
    GROUP BY series_id, time_us, form HAVING count(*) > 1`;
}

export function countRepeatsSql(round: Round): string {
  return `SELECT count(*)::INTEGER FROM (${repeatsOf(round)})`;
}

/** Deletes all but the last written of each. One statement, because a checkpoint may number the rows anew. */
export function deleteRepeatsSql(round: Round): string {
  return `DELETE FROM points USING (${repeatsOf(round)}) r
    WHERE points.series_id = r.series_id AND points.time_us = r.time_us AND points.form = r.form
      AND points.rowid < r.newest AND points.time_us >= ${round.fromUs}`;
}

/** The rollups of the tier below as parts of this one. */
function childParts({ tier, fromUs, lastUs }: Round, child: TierSpec): string {
  return `SELECT series_id, ${bucketOf('time_us', tier.widthUs)} AS bucket_us, sum, weight, count, min, max, first, last,
      first_us, last_us, first_us * 2 AS head, last_us * 2 AS tail
    FROM ${child.table} WHERE time_us >= ${fromUs} AND time_us < ${lastUs + tier.widthUs}`;
}

function partsOf(round: Round): string {
  const child = tierBelow(round.tier);
  if (!child) return pointParts(round);
  // No segment is too wide for the lowest tier.
  return round.tier.of === 'segments'
    ? childParts(round, child)
    : `${childParts(round, child)} UNION ALL ${pointParts(round)}`;
}

/** Computes the buckets of a round; the columns are those of the tier's table. */
export function computeSql(round: Round): string {
  const parts = partsOf(round);
  return `
    WITH parts AS (${parts})
    SELECT series_id, bucket_us, ${sumOf('sum')}, sum(weight), least(sum(count), ${Number.MAX_SAFE_INTEGER})::BIGINT,
      min(min), max(max), arg_min(first, head), arg_max(last, tail), min(first_us), max(last_us)
    FROM parts JOIN (${keysOf(round)}) USING (series_id, bucket_us)
    GROUP BY series_id, bucket_us`;
}

/** Deletes what the round computes anew. */
export function deleteStaleSql(round: Round): string {
  const { tier, fromUs, lastUs } = round;
  return `DELETE FROM ${tier.table} r USING (${keysOf(round)}) k
    WHERE r.time_us BETWEEN ${fromUs} AND ${lastUs} AND r.series_id = k.series_id AND r.time_us = k.bucket_us`;
}

/** Deletes the round's marks, but not those made since it was taken. */
export function deleteMarksSql({ tier, fromUs, lastUs, lastMark }: Round): string {
  return `DELETE FROM dirty
    WHERE tier = ${tier.code} AND bucket_us BETWEEN ${fromUs} AND ${lastUs} AND mark <= ${lastMark}`;
}
