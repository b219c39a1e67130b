import { z } from 'zod';
import { edgeConfigSchema } from '../edge/config.js';
import { filterKinds } from '../edge/filters/registry.js';
import { processingShape } from '../edge/processing.js';
import { sensorDrivers } from '../edge/sensors/registry.js';
import { settingRows, tableHead } from './config-docs.js';
import { edgeDocsText as text } from './edge-docs-text.js';

interface Kind {
  readonly summary: string;
  readonly example: string;
  readonly shape: z.ZodRawShape;
}

const { sensors, channels: _channels, site: _site, device: _device, ...parts } = edgeConfigSchema.shape;
const { filters: _filters, ...processing } = processingShape;

/** What every entry of `edge.sensors` may say beside its driver's own settings. */
const commonNames = new Set(['name', 'intervalMs', 'timeoutMs', ...Object.keys(processingShape)]);

/** `docs/edge.md`: every sensor, filter and setting of the edge agent, from the schemas that parse them. */
export function edgeDocs(): string {
  return [
    text.head,
    text.sensors,
    table(commonRows()),
    ...Object.entries<Kind>(sensorDrivers).flatMap(([name, kind]) => section(name, kind)),
    text.filters,
    ...Object.entries<Kind>(filterKinds).flatMap(([name, kind]) => section(name, kind)),
    text.processing,
    table(settingRows(z.strictObject(processing))),
    text.agent,
    table(settingRows(z.strictObject(parts))),
    text.files,
  ]
    .join('\n\n')
    .concat('\n');
}

function section(name: string, { summary, example, shape }: Kind): string[] {
  // The kinds of a list's entries have much in common: it is said once.
  const rows = [...new Set(settingRows(z.strictObject(shape)))];
  const settings = rows.length === 0 ? [] : [table(rows)];
  return [`### \`${name}\``, summary, `\`\`\`yaml\n${example}\n\`\`\``, ...settings];
}

function commonRows(): string[] {
  return settingRows(z.strictObject({ sensors }))
    .map((row) => row.replace('`sensors[].', '`'))
    .filter((row, index, rows) => commonNames.has(nameOf(row)) && rows.indexOf(row) === index)
    .filter((row) => !processingNames.has(nameOf(row)));
}

const processingNames = new Set(Object.keys(processingShape));

function nameOf(row: string): string {
  return /^\| `([^`.[]+)`/.exec(row)?.[1] ?? '';
}

function table(rows: readonly string[]): string {
  return [tableHead, ...rows].join('\n');
}
