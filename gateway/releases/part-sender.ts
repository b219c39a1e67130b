import type { FileHandle } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { Counter, type Registry } from 'prom-client';
import { endWith } from '#core/runtime/http-door.js';
import { observe } from '#core/runtime/metrics.js';
import { namesTag, rangeOf, type ByteRange } from './part-range.js';
import type { ReleaseFolder } from './release-folder.js';

export interface PartSenderOptions {
  readonly folder: Pick<ReleaseFolder, 'openPart'>;
  readonly maxDownloads: number;
  readonly stallMs: number;
  readonly registry: Registry;
}

const pattern = /^\/releases\/([0-9a-f]{64})$/;
/** How long one that comes when all places are taken is told to stay away, in seconds; devices add jitter of their own. */
const retryAfterS = 5;
const chunkBytes = 64 * 1024;

type Sent = 'whole' | 'part' | 'not-modified' | 'unsatisfiable' | 'not-found' | 'busy' | 'cut';

/**
 * Sends parts of releases, as `/releases/<sha256>`: what is under a name never changes, so it may be kept for ever by
 * whoever stands between. Anybody may read them.
 */
export class PartSender {
  private underway = 0;
  private readonly requests: Counter<'outcome'>;
  private readonly bytes: Counter;

  constructor(private readonly options: PartSenderOptions) {
    const { registry } = options;
    const name = 'fieldline_gateway_release';
    this.requests = new Counter({
      name: `${name}_requests_total`,
      help: 'Requests for parts of releases, by what became of them',
      labelNames: ['outcome'],
      registers: [registry],
    });
    this.bytes = new Counter({ name: `${name}_bytes_total`, help: 'Bytes of parts sent', registers: [registry] });
    observe(registry, `${name}_downloads`, 'Parts of releases being sent', () => this.underway);
  }

  opens(path: string): boolean {
    return path === '/releases' || path.startsWith('/releases/');
  }

  /** Ends the request; never rejects. */
  async answer(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const sent = await this.send(request, response, url).catch((): Sent => {
      response.destroy();
      return 'cut';
    });
    this.requests.inc({ outcome: sent });
  }

  private async send(request: IncomingMessage, response: ServerResponse, url: URL): Promise<Sent> {
    const { method } = request;
    if (method !== 'GET' && method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      endWith(response, { status: 405, body: { error: 'only GET and HEAD' } });
      return 'not-found';
    }
    const sha256 = pattern.exec(url.pathname)?.[1];
    if (this.underway >= this.options.maxDownloads) return busy(response);
    this.underway += 1;
    try {
      const part = sha256 === undefined ? undefined : await this.options.folder.openPart(sha256);
      if (!part) {
        endWith(response, { status: 404, body: { error: 'no such part is here' } });
        return 'not-found';
      }
      return await this.sendPart(request, response, { ...part, tag: `"${sha256!}"` });
    } finally {
      this.underway -= 1;
    }
  }

  private async sendPart(request: IncomingMessage, response: ServerResponse, part: Part): Promise<Sent> {
    const { headers } = request;
    response.setHeader('ETag', part.tag);
    response.setHeader('Cache-Control', 'public, max-age=31536000, immutable');
    response.setHeader('Accept-Ranges', 'bytes');
    try {
      if (namesTag(headers['if-none-match'], part.tag, true)) {
        response.writeHead(304).end();
        return 'not-modified';
      }
      const isSame = headers['if-range'] === undefined || namesTag(String(headers['if-range']), part.tag, false);
      const range = isSame ? rangeOf(headers.range, part.bytes) : undefined;
      if (range === 'unsatisfiable') {
        response.writeHead(416, { 'Content-Range': `bytes */${part.bytes}`, 'Content-Length': 0 }).end();
        return 'unsatisfiable';
      }
      return await this.sendBytes(request, response, part, range);
    } finally {
      await part.file.close().catch(() => undefined);
    }
  }

  private async sendBytes(
    request: IncomingMessage,
    response: ServerResponse,
    { file, bytes }: Part,
    range: ByteRange | undefined,
  ): Promise<Sent> {
    const { from, to } = range ?? { from: 0, to: bytes - 1 };
    response.writeHead(range ? 206 : 200, {
      'Content-Type': 'application/octet-stream',
      'Content-Length': to - from + 1,
      ...(range && { 'Content-Range': `bytes ${from}-${to}/${bytes}` }),
    });
    if (request.method === 'HEAD' || to < from) {
      response.end();
      return range ? 'part' : 'whole';
    }
    response.setTimeout(this.options.stallMs, () => response.destroy());
    const source = file.createReadStream({ start: from, end: to, autoClose: false, highWaterMark: chunkBytes });
    await pipeline(source, response).finally(() => this.bytes.inc(source.bytesRead));
    return range ? 'part' : 'whole';
  }
}

interface Part {
  readonly file: FileHandle;
  readonly bytes: number;
  readonly tag: string;
}

function busy(response: ServerResponse): Sent {
  response.setHeader('Retry-After', retryAfterS);
  endWith(response, { status: 503, body: { error: 'too many parts are being sent: come back' } });
  return 'busy';
}
