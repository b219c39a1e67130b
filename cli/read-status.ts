import { ApiClient } from '#core/runtime/api-client.js';
import type { LineStatus } from './status-line.js';

interface PipelineAnswer {
  readingsPerSecond: number;
  latencyMs: { p99: number } | null;
  devicesOnline: number;
  devicesTotal: number;
  outboxPending: number;
}

/** What the status line shows, from the API of the running line: the same numbers as in the console. */
export async function readStatus(http: string, troubles: readonly string[]): Promise<LineStatus> {
  const answer = await new ApiClient(http).json<PipelineAnswer>('/api/v1/pipeline');
  return { ...answer, latencyP99Ms: answer.latencyMs?.p99, troubles };
}
