/** One line with its band, in data units; `timeUs` rises. */
export interface ChartLine {
  readonly points: readonly { timeUs: number; avg: number; min: number; max: number }[];
}

const width = 720;
const height = 180;
const margin = { left: 64, right: 12, top: 10, bottom: 24 };

/** An SVG line chart with a minimum-maximum band; self-contained, so that a report can be mailed as one file. */
export function lineChart({ points }: ChartLine, fromUs: number, toUs: number): string {
  const low = Math.min(...points.map(({ min }) => min));
  const high = Math.max(...points.map(({ max }) => max));
  const span = high - low || Math.abs(high) || 1;
  const x = (timeUs: number) =>
    margin.left + ((timeUs - fromUs) / (toUs - fromUs)) * (width - margin.left - margin.right);
  const y = (value: number) => height - margin.bottom - ((value - low) / span) * (height - margin.top - margin.bottom);
  const at = (timeUs: number, value: number) => `${x(timeUs).toFixed(1)},${y(value).toFixed(1)}`;
  const band = [...points.map((p) => at(p.timeUs, p.max)), ...points.toReversed().map((p) => at(p.timeUs, p.min))].join(
    ' ',
  );
  const line = points.map((p) => at(p.timeUs, p.avg)).join(' ');
  const dots =
    points.length > 48
      ? ''
      : points.map((p) => `<circle cx="${x(p.timeUs).toFixed(1)}" cy="${y(p.avg).toFixed(1)}" r="2.5"/>`).join('');
  return [
    `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="Hourly average with minimum and maximum">`,
    ...[low, low + span / 2, low + span].map((value) => valueTick(y(value), value)),
    ...[fromUs, (fromUs + toUs) / 2, toUs].map((timeUs, i) =>
      timeTick(x(timeUs), timeUs, (['start', 'middle', 'end'] as const)[i]!),
    ),
    `<polygon class="band" points="${band}"/><polyline class="line" points="${line}"/>${dots}</svg>`,
  ].join('');
}

function valueTick(y: number, value: number): string {
  const label = Number(value.toPrecision(4)).toString();
  return `<line class="grid" x1="${margin.left}" x2="${width - margin.right}" y1="${y.toFixed(1)}" y2="${y.toFixed(1)}"/><text x="${margin.left - 6}" y="${(y + 4).toFixed(1)}" text-anchor="end">${label}</text>`;
}

function timeTick(x: number, timeUs: number, anchor: 'start' | 'middle' | 'end'): string {
  const label = new Date(timeUs / 1000).toISOString().slice(0, 16).replace('T', ' ');
  return `<text x="${x.toFixed(1)}" y="${height - 6}" text-anchor="${anchor}">${label}</text>`;
}
