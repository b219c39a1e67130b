import type {
  DeviceAlert,
  DeviceView,
  PipelineView,
  QueryAnswer,
  RolloutProgressAnswer,
  SeriesPage,
  SeriesRow,
  TierChoice,
} from './types.js';

/** The API answered with a problem, or did not answer (`status` 0). The message is for people. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  constructor(
    readonly status: number,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export interface ApiClientOptions {
  readonly fetch: typeof fetch;
  /** `/api/v1` */
  readonly base: string;
  /** After so long a request counts as unanswered. */
  readonly timeoutMs: number;
}

export interface QueryRequest {
  readonly series: readonly string[];
  readonly fromUs: number;
  readonly toUs: number;
  readonly tier: TierChoice;
  /** Values of each series, at most. */
  readonly limit: number;
}

/** The most series that one query may name. */
export const seriesPerQuery = 50;

type Parameters = readonly (readonly [string, string | number])[];

/** Asks the HTTP API. Every method rejects with an {@link ApiError}, or with the signal's reason once it is aborted. */
export class ApiClient {
  constructor(private readonly options: ApiClientOptions) {}

  async devices(signal?: AbortSignal): Promise<readonly DeviceView[]> {
    return (await this.get<{ devices: DeviceView[] }>('devices', [], signal)).devices;
  }

  /** All series, page by page, up to `max`. */
  async series(filter: Parameters, max: number, signal?: AbortSignal): Promise<SeriesRow[]> {
    const rows: SeriesRow[] = [];
    let after: string | null = null;
    do {
      const page: Parameters = [['limit', Math.min(1000, max)], ...(after === null ? [] : [['after', after] as const])];
      const answer: SeriesPage = await this.get('series', [...filter, ...page], signal);
      rows.push(...answer.series);
      after = answer.next;
    } while (after !== null && rows.length < max);
    return rows;
  }

  async alerts(limit: number, signal?: AbortSignal): Promise<readonly DeviceAlert[]> {
    return (await this.get<{ alerts: DeviceAlert[] }>('alerts', [['limit', limit]], signal)).alerts;
  }

  pipeline(signal?: AbortSignal): Promise<PipelineView> {
    return this.get('pipeline', [], signal);
  }

  rolloutProgress(signal?: AbortSignal): Promise<RolloutProgressAnswer> {
    return this.get('rollout-progress', [], signal);
  }

  /** At most {@link seriesPerQuery} series. */
  query({ series, fromUs, toUs, tier, limit }: QueryRequest, signal?: AbortSignal): Promise<QueryAnswer> {
    const range: Parameters = [
      ['from', Math.floor(fromUs)],
      ['to', Math.ceil(toUs)],
      ['tier', tier],
      ['limit', limit],
    ];
    return this.get('query', [...series.map((name) => ['series', name] as const), ...range], signal);
  }

  private async get<T>(path: string, parameters: Parameters, signal?: AbortSignal): Promise<T> {
    const query = new URLSearchParams(parameters.map(([name, value]) => [name, String(value)]));
    const url = `${this.options.base}/${path}${query.size > 0 ? `?${query}` : ''}`;
    const timeout = AbortSignal.timeout(this.options.timeoutMs);
    const both = signal ? AbortSignal.any([signal, timeout]) : timeout;
    try {
      const response = await this.options.fetch(url, { signal: both, headers: { accept: 'application/json' } });
      if (!response.ok) throw await problemOf(response);
      return (await response.json()) as T;
    } catch (cause) {
      if (signal?.aborted || cause instanceof ApiError) throw cause;
      throw new ApiError(0, 'The Fieldline API does not answer.', { cause });
    }
  }
}

/** Reads an `application/problem+json`; anything else is told by its status. */
async function problemOf(response: Response): Promise<ApiError> {
  const problem = (await response.json().catch(() => ({}))) as { title?: unknown; detail?: unknown };
  const parts = [problem.title, problem.detail].filter((part) => typeof part === 'string');
  return new ApiError(response.status, parts.join(': ') || `The Fieldline API answered ${response.status}.`);
}
