import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import type { ReadableStream as NodeReadableStream } from 'node:stream/web';

/** The part of the HTTP API that the checker reads. Throws an Error that names the address and the answer. */
export class ApiClient {
  constructor(private readonly baseUrl: string) {}

  async json<T>(path: string, parameters: Record<string, string | number>): Promise<T> {
    const response = await this.get(path, parameters);
    return (await response.json()) as T;
  }

  /** The rows of an NDJSON export, without the header row. An export that broke off in the middle is an Error. */
  async *rows<T>(path: string, parameters: Record<string, string | number>): AsyncGenerator<T> {
    const response = await this.get(path, parameters);
    let first = true;
    for await (const line of createInterface({
      input: Readable.fromWeb(response.body as NodeReadableStream),
      crlfDelay: Infinity,
    })) {
      if (!first && line !== '') yield JSON.parse(line) as T;
      first = false;
    }
  }

  private async get(path: string, parameters: Record<string, string | number>): Promise<Response> {
    const url = new URL(path, this.baseUrl);
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, String(value));
    const response = await fetch(url).catch((cause: unknown) => {
      throw new Error(`no answer from ${url.origin}; is fieldline running there?`, { cause });
    });
    if (!response.ok)
      throw new Error(`${url.pathname} answered ${response.status}: ${(await response.text()).slice(0, 300)}`);
    return response;
  }
}
