import { formCodes, qualityBits, qualityCodes } from './codes.js';
import type { Round } from './dirty-marks.js';
import { bucketOf, clamp, keysOf, sumOf } from './rollup-sql.js';

const trusted = `(flags & ${qualityBits}) IN (${qualityCodes.good}, ${qualityCodes.uncertain}) AND value IS NOT NULL`;

/** The segment points of the round's series from one gap before its buckets to one behind, each stamp once. */
function endsOf({ tier, fromUs, lastUs }: Round, gapUs: number): string {
  return `SELECT series_id, time_us, row.value AS value, row.flags AS flags FROM (
      SELECT series_id, time_us, arg_max({'value': value, 'flags': flags}, points.rowid) AS row
      FROM points WHERE series_id IN (SELECT series_id FROM keys) AND form = ${formCodes.segment}
        AND time_us >= ${fromUs - gapUs} AND time_us < ${lastUs + tier.widthUs + gapUs}
      GROUP BY series_id, time_us)`;
}

/** {@link pieceOf} of core/signal in SQL: from `a` up to `b`, with the values `v` and `w` there. */
const pieces = `
  SELECT series_id, a, v, CASE WHEN isJoined THEN next_us ELSE a + 1 END AS b,
    CASE WHEN isJoined AND interpolation = 'linear' THEN next_value ELSE v END AS w
  FROM (
    SELECT series_id, interpolation, a, v, next_us, next_value, isTrusted,
      coalesce(next_us - a <= max_gap_us
        AND (interpolation = 'hold' OR (interpolation = 'linear' AND nextTrusted)), false) AS isJoined
    FROM (
      SELECT series_id, time_us AS a, value AS v, ${trusted} AS isTrusted, lead(time_us) OVER following AS next_us,
        lead(value) OVER following AS next_value, lead(${trusted}) OVER following AS nextTrusted
      FROM ends WINDOW following AS (PARTITION BY series_id ORDER BY time_us))
    JOIN series USING (series_id))
  WHERE isTrusted AND interpolation <> 'none'`;

function valueAt(time: string): string {
  return `CASE WHEN ${time} = a THEN v WHEN ${time} = b OR v = w THEN w
    ELSE ${clamp(`v + (w - v) * ((${time} - a)::DOUBLE / (b - a)::DOUBLE)`)} END`;
}

/**
 * Computes the minutes of a round from the segment points around them, as `segmentParts` of core/signal does; the
 * columns are those of the tier's table. `gapUs`: the longest gap of any series across which a line is drawn.
 */
export function segmentSql(round: Round, gapUs: number): string {
  const { fromUs, lastUs, tier } = round;
  const { widthUs } = tier;
  const starts = `range(greatest(${bucketOf('a', widthUs)}, ${fromUs}), least(b, ${lastUs + widthUs}), ${widthUs})`;
  return `
    WITH keys AS MATERIALIZED (${keysOf(round)}), ends AS (${endsOf(round, gapUs)}), pieces AS (${pieces}),
    cuts AS (
      SELECT *, greatest(a, bucket_us) AS x, least(b, bucket_us + ${widthUs}) AS y
      FROM (SELECT *, unnest(${starts}) AS bucket_us FROM pieces) JOIN keys USING (series_id, bucket_us)),
    parts AS (SELECT *, ${valueAt('x')} AS first, ${valueAt('y')} AS last FROM cuts)
    SELECT series_id, bucket_us, ${sumOf('(first / 2 + last / 2) * (y - x)')}, sum(y - x)::DOUBLE,
      count(*) FILTER (a >= bucket_us), min(least(first, last)), max(greatest(first, last)),
      arg_min(first, x), arg_max(last, y), min(x), max(y) - 1
    FROM parts GROUP BY series_id, bucket_us`;
}
