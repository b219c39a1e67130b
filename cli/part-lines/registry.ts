import type { PartLine } from './part-line.js';

/** Each part's line, loaded when it is asked for: an agent on a small board has no room for Kafka's client and DuckDB. */
export const partLines = {
  edge: async () => (await import('./edge.js')).edgeLine,
  gateway: async () => (await import('./gateway.js')).gatewayLine,
  ingest: async () => (await import('./cloud.js')).ingestLine,
  serve: async () => (await import('./cloud.js')).serveLine,
} satisfies Record<string, () => Promise<PartLine>>;
