import { z } from 'zod';
import { foreignSources } from '../gateway/intake/foreign/registry.js';
import { commonShape } from '../gateway/intake/foreign/source.js';
import { settingRows, tableHead } from './config-docs.js';
import { sourcesDocsText as text } from './sources-docs-text.js';

interface Kind {
  readonly summary: string;
  readonly example: string;
  readonly shape: z.ZodRawShape;
}

/** `docs/gateway/sources.md`: every kind of foreign source with its settings, from the schemas that parse them. */
export function sourcesDocs(): string {
  return [
    text.head,
    table(settingRows(z.strictObject(commonShape))),
    text.packs,
    ...Object.entries<Kind>(foreignSources).flatMap(([name, kind]) => section(name, kind)),
    text.names,
  ]
    .join('\n\n')
    .concat('\n');
}

function section(name: string, { summary, example, shape }: Kind): string[] {
  const rows = settingRows(z.strictObject(shape));
  return [`### \`${name}\``, summary, `\`\`\`yaml\n${example}\n\`\`\``, table(rows)];
}

function table(rows: readonly string[]): string {
  return [tableHead, ...rows].join('\n');
}
