import { isMap, isScalar, LineCounter, parseDocument, type Document, type Node } from 'yaml';
import type { z } from 'zod';
import { ConfigError, type ConfigFault } from './config-error.js';

export { ConfigError, type ConfigFault };

/**
 * Parses YAML text by a schema, before any I/O. Unknown keys are faults if the schema is strict.
 * Throws ConfigError with all faults, each with its file, line and path.
 */
export function parseConfig<T>(schema: z.ZodType<T>, text: string, file: string): T {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    throw new ConfigError(
      document.errors.map((error) => ({
        file,
        line: lines.linePos(error.pos[0]).line,
        path: '',
        message: error.message,
      })),
    );
  }
  const result = schema.safeParse(document.toJS() ?? {}, { reportInput: true });
  if (result.success) return result.data;
  throw new ConfigError(result.error.issues.flatMap((issue) => faultsOf(issue, document, lines, file)));
}

function faultsOf(issue: z.core.$ZodIssue, document: Document, lines: LineCounter, file: string): ConfigFault[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const path = [...issue.path, key];
      return { file, line: lineOf(document, path, lines), path: path.join('.'), message: 'unknown key' };
    });
  }
  const got =
    issue.input === undefined || typeof issue.input === 'object' ? '' : `, got ${JSON.stringify(issue.input)}`;
  return [
    { file, line: lineOf(document, issue.path, lines), path: issue.path.join('.'), message: issue.message + got },
  ];
}

/** The line of the key at `path`, or of its nearest parent that is in the file. */
function lineOf(document: Document, path: readonly PropertyKey[], lines: LineCounter): number | undefined {
  let node = document.contents;
  let offset = node?.range?.[0];
  for (const key of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
      if (!pair) break;
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = pair.value as Node | null;
    } else {
      node = (node as { get?: (key: unknown, keep: true) => Node } | null)?.get?.(key, true) ?? null;
      offset = node?.range?.[0] ?? offset;
    }
  }
  return offset === undefined ? undefined : lines.linePos(offset).line;
}
