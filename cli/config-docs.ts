import { z } from 'zod';

interface Schema {
  type?: string | string[];
  properties?: Record<string, Schema>;
  items?: Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  description?: string;
  minimum?: number;
  maximum?: number;
  additionalProperties?: Schema | boolean;
}

/** The head of a table of {@link settingRows}. */
export const tableHead = '| setting | default | values | meaning |\n|---|---|---|---|';

const head = `# Configuration

\`fieldline.yaml\`, named with \`--config\`. Every setting has a default; an empty file is a good one. A fault is answered with its file,
line and path, all faults at once, and exit code 2. This page is made from the schema: \`fieldline config docs\`.

A duration is \`500ms\`, \`10s\`, \`5m\`, \`1h\` or \`7d\`. Secrets are better named by a file, or by \`FIELDLINE_INFLUX_TOKEN\` and
\`FIELDLINE_DEVICE_PASSWORD\` in the environment.

${tableHead}
`;

/** Settings that have a page of their own, where what is inside them is told. */
const elsewhere: Readonly<Record<string, string>> = {
  'edge.sensors': 'edge.md',
  'edge.channels': 'edge.md',
  'gateway.sources': 'gateway/sources.md',
};

/** The page of all settings, from the schema that parses them. */
export function configDocs(schema: z.ZodType): string {
  return `${head}${settingRows(schema).join('\n')}\n`;
}

/** A row for each setting below a schema; `prefix` goes before their paths. */
export function settingRows(schema: z.ZodType, prefix = ''): string[] {
  return rows(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Schema, prefix);
}

function rows(schema: Schema, path: string): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, inner]) => {
    const full = path === '' ? name : `${path}.${name}`;
    const own = inner.properties ? sectionRow(full, inner) : [settingRow(full, inner)];
    const page = elsewhere[full];
    return page === undefined
      ? [...own, ...nested(inner, full)]
      : own.map((row) => row.replace(/ \|$/, `; see [${page}](${page}) |`));
  });
}

function nested(schema: Schema, path: string): string[] {
  const list = schema.items ? kinds(schema.items).flatMap((item) => rows(item, `${path}[]`)) : [];
  const map = typeof schema.additionalProperties === 'object' ? rows(schema.additionalProperties, `${path}.*`) : [];
  return [...kinds(schema).flatMap((kind) => rows(kind, path)), ...list, ...map];
}

/** The schema, and the alternatives that it leaves. */
function kinds(schema: Schema): Schema[] {
  return [schema, ...(schema.oneOf ?? []), ...(schema.anyOf ?? [])];
}

function sectionRow(path: string, { description }: Schema): string[] {
  return description === undefined ? [] : [`| **\`${path}\`** | | | ${cell(description)} |`];
}

function settingRow(path: string, schema: Schema): string {
  const value = schema.default === undefined ? '' : `\`${JSON.stringify(schema.default)}\``;
  return `| \`${path}\` | ${cell(value)} | ${cell(values(schema))} | ${cell(schema.description ?? '')} |`;
}

function values(schema: Schema): string {
  if (schema.enum) return schema.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (schema.const !== undefined) return `\`${String(schema.const)}\``;
  const options = schema.anyOf ?? schema.oneOf;
  if (options) return [...new Set(options.map(values))].join(' or ');
  const safe = (limit: number | undefined) =>
    limit !== undefined && Number.isSafeInteger(limit) && Math.abs(limit) < 2 ** 53 - 1 ? limit : undefined;
  const [low, high] = [safe(schema.minimum), safe(schema.maximum)];
  const range = low === undefined && high === undefined ? '' : ` ${low ?? '…'} to ${high ?? '…'}`;
  return `${[schema.type ?? 'any'].flat().join(' or ')}${range}`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
