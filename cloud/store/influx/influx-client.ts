import { HttpError, InfluxDB, type Transport } from '@influxdata/influxdb-client';
import { RetryableError } from '#core/runtime/errors.js';
import type { Flux } from './flux.js';
import { FluxCsv, type FluxRow } from './flux-csv.js';
import { storeError } from './influx-errors.js';

export interface InfluxClientOptions {
  readonly url: string;
  readonly org: string;
  readonly token: string;
  /** How long one write may take, in milliseconds. */
  readonly writeTimeoutMs?: number;
  /** How long one query may take until its last row is read, in milliseconds. */
  readonly queryTimeoutMs?: number;
}

const dialect = { header: true, delimiter: ',', annotations: ['datatype', 'group', 'default'], commentPrefix: '#' };

/**
 * One write or query over HTTP, without retries. The client library's own write API is not used: its `flush()` resolves
 * although an automatic batch has failed. Every method throws what {@link storeError} makes of a failure.
 */
export class InfluxClient {
  /** For the client library's API classes. */
  readonly influx: InfluxDB;
  private readonly transport: Transport;
  private readonly writeTimeoutMs: number;
  private readonly queryTimeoutMs: number;

  constructor(private readonly options: InfluxClientOptions) {
    this.writeTimeoutMs = options.writeTimeoutMs ?? 20_000;
    this.queryTimeoutMs = options.queryTimeoutMs ?? 60_000;
    const { url, token } = options;
    this.influx = new InfluxDB({ url, token, timeout: Math.max(this.writeTimeoutMs, this.queryTimeoutMs) });
    this.transport = this.influx.transport;
  }

  /** Writes lines of line protocol with stamps in microseconds; resolves when they are in the server's WAL. */
  async write(bucket: string, lines: string): Promise<void> {
    const query = new URLSearchParams({ org: this.options.org, bucket, precision: 'us' });
    const headers = { 'content-type': 'text/plain; charset=utf-8' };
    await this.call(`write to bucket ${bucket}`, () => {
      const signal = AbortSignal.timeout(this.writeTimeoutMs);
      return this.transport.request(`/api/v2/write?${query}`, lines, { method: 'POST', headers, signal });
    });
  }

  /** Any other request of the HTTP API; `ask` is a call of one of the client library's API classes. */
  async call<T>(what: string, ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      throw storeError(error, { what, url: this.options.url });
    }
  }

  /** The same for a thing that may not be there: undefined if InfluxDB does not know it. */
  find<T>(what: string, ask: () => Promise<T>): Promise<T | undefined> {
    return this.call(what, async () => {
      try {
        return await ask();
      } catch (error) {
        if (error instanceof HttpError && error.statusCode === 404) return undefined;
        throw error;
      }
    });
  }

  /** Runs a query; its rows come as they arrive, many at once. Leaving the loop early ends the query. */
  async *pages(flux: Flux): AsyncGenerator<FluxRow[], void, undefined> {
    const stopped = new AbortController();
    // The library does not end a stream that falls silent, so the deadline destroys the request.
    const signal = AbortSignal.any([stopped.signal, AbortSignal.timeout(this.queryTimeoutMs)]);
    const body = JSON.stringify({ query: flux, type: 'flux', dialect });
    const headers = { 'content-type': 'application/json; charset=utf-8' };
    const path = `/api/v2/query?${new URLSearchParams({ org: this.options.org })}`;
    const csv = new FluxCsv();
    const utf8 = new TextDecoder();
    try {
      for await (const chunk of this.transport.iterate(path, body, { method: 'POST', headers, signal })) {
        const rows = csv.push(utf8.decode(chunk, { stream: true }));
        throwErrorRow(rows);
        if (rows.length > 0) yield rows;
      }
    } catch (error) {
      throw storeError(error, { what: 'answer a query', url: this.options.url });
    } finally {
      stopped.abort();
    }
  }

  /** All rows of a query, each through `read`; undefined results are left out. */
  async collect<T>(flux: Flux, read: (row: FluxRow) => T | undefined): Promise<T[]> {
    const results: T[] = [];
    for await (const rows of this.pages(flux)) {
      for (const row of rows) {
        const result = read(row);
        if (result !== undefined) results.push(result);
      }
    }
    return results;
  }
}

/** A query that fails after its first bytes went out ends in a table of errors, under status 200. */
function throwErrorRow(rows: readonly FluxRow[]): void {
  const last = rows.at(-1);
  if (last?.get('error') !== undefined && last.get('reference') !== undefined) {
    throw new RetryableError('unavailable', `the query failed: ${last.get('error')}`);
  }
}
