import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { knock, type HttpDoor } from './http-door.js';
import { httpClose, httpListen, uploadWithin } from './http-listen.js';
import { messageOf } from './errors.js';
import type { Part } from './lifecycle.js';
import type { Logger } from './logger.js';
import { opsAnswers, type OpsSources } from './ops-answers.js';

export interface OpsServerOptions extends OpsSources {
  /** Loopback unless told otherwise: it has no authentication. */
  readonly host?: string;
  /** 0: any free port. */
  readonly port: number;
  readonly logger: Logger;
  /** Requests of the process's own part. */
  readonly door?: HttpDoor;
}

/** `/metrics`, `/healthz` and `/readyz` for a process that has no console. */
export class OpsServer implements Part {
  private server: Server | undefined;
  private boundPort = 0;

  constructor(private readonly options: OpsServerOptions) {}

  /** Known after `start`. */
  get port(): number {
    return this.boundPort;
  }

  /** Throws FatalError `port-in-use`. */
  async start(): Promise<void> {
    if (this.server) return;
    const { host = '127.0.0.1', port } = this.options;
    const server = createServer(uploadWithin, (request, response) => {
      if (!knock(this.options.door, request, response)) void this.answer(request, response);
    });
    this.boundPort = await httpListen(server, { host, port }, 'The operations server', 'ops.port');
    this.server = server;
  }

  async stop(deadlineMs: number): Promise<void> {
    const server = this.server;
    this.server = undefined;
    if (server) await httpClose(server, deadlineMs);
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url?.split('?')[0] ?? '';
    const answer = Object.hasOwn(opsAnswers, path) ? opsAnswers[path] : undefined;
    if (!answer) return end(response, 404, 'text/plain', 'see /metrics, /healthz and /readyz\n');
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      return end(response, 405, 'text/plain', 'only GET and HEAD\n');
    }
    try {
      const { status, type, body } = await answer(this.options);
      end(response, status, type, body);
    } catch (error) {
      this.options.logger.error({ path, error: messageOf(error) }, 'an operations request failed');
      end(response, 500, 'text/plain', 'failed, see the log\n');
    }
  }
}

/** Node leaves the body out of an answer to HEAD. */
function end(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  });
  response.end(body);
}
