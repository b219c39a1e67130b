import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import type { ReadableStream as NodeReadableStream } from 'node:stream/web';

type Parameters = Record<string, string | number | undefined>;

/** The HTTP API as the commands use it. Throws an Error that names the address, the answer and the next step. */
export class ApiClient {
  constructor(private readonly baseUrl: string) {}

  async json<T>(path: string, parameters: Parameters = {}): Promise<T> {
    return (await (await this.get(path, parameters)).json()) as T;
  }

  /** The rows of an NDJSON export, without its header row. */
  async *rows<T>(path: string, parameters: Parameters): AsyncGenerator<T> {
    const { body } = await this.get(path, parameters);
    let first = true;
    for await (const line of createInterface({
      input: Readable.fromWeb(body as NodeReadableStream),
      crlfDelay: Infinity,
    })) {
      if (!first && line !== '') yield JSON.parse(line) as T;
      first = false;
    }
  }

  private async get(path: string, parameters: Parameters): Promise<Response> {
    const url = new URL(path, this.baseUrl);
    for (const [name, value] of Object.entries(parameters))
      if (value !== undefined) url.searchParams.set(name, String(value));
    const response = await fetch(url).catch((cause: unknown) => {
      throw new Error(`no answer from ${url.origin}: start fieldline first, or name its address with --http`, {
        cause,
      });
    });
    if (response.ok) return response;
    throw new Error(`${url.pathname} answered ${response.status}: ${(await response.text()).slice(0, 300)}`);
  }
}
