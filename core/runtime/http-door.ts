import type { IncomingMessage, ServerResponse } from 'node:http';

export interface DoorRequest {
  readonly method: string;
  /** With its query. */
  readonly url: URL;
  readonly authorization: string | undefined;
  /** The network address of who asks. */
  readonly address?: string | undefined;
  readonly body: Uint8Array;
}

export interface DoorAnswer {
  readonly status: number;
  readonly body: object;
}

/** A part's own requests, on whichever HTTP server the process has. It checks by itself who asks. */
export interface HttpDoor {
  opens(path: string): boolean;
  /** A longer body is answered 413. */
  readonly maxBodyBytes: number;
  answer(request: DoorRequest): Promise<DoorAnswer>;
  /** Takes a request whose body or answer is too large to be held, and ends it; false if the request is none of these. */
  stream?(request: IncomingMessage, response: ServerResponse, url: URL): boolean;
}

/** Whether the door took the request; it answers by itself. */
export function knock(door: HttpDoor | undefined, request: IncomingMessage, response: ServerResponse): boolean {
  if (!door || !URL.canParse(request.url ?? '/', 'http://localhost')) return false;
  const url = new URL(request.url ?? '/', 'http://localhost');
  if (door.stream?.(request, response, url)) return true;
  if (!door.opens(url.pathname)) return false;
  void answerAt(door, url, request).then(
    (answer) => endWith(response, answer),
    () => endWith(response, { status: 500, body: { error: 'the server failed; its log says why' } }),
  );
  return true;
}

async function answerAt(door: HttpDoor, url: URL, request: IncomingMessage): Promise<DoorAnswer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength;
    if (bytes > door.maxBodyBytes) return { status: 413, body: { error: `more than ${door.maxBodyBytes} bytes` } };
    chunks.push(chunk);
  }
  const { authorization } = request.headers;
  const address = request.socket.remoteAddress;
  return door.answer({ method: request.method ?? 'GET', url, authorization, address, body: Buffer.concat(chunks) });
}

/** Ends a request with an answer in JSON. */
export function endWith(response: ServerResponse, { status, body }: DoorAnswer): void {
  response.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8', 'Cache-Control': 'no-store' });
  response.end(`${JSON.stringify(body)}\n`);
}
