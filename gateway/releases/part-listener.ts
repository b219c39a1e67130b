import { createServer, type Server } from 'node:http';
import { endWith } from '#core/runtime/http-door.js';
import { httpClose, httpListen } from '#core/runtime/http-listen.js';
import type { Part } from '#core/runtime/lifecycle.js';
import type { PartSender } from './part-sender.js';

export interface PartListenerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly sender: PartSender;
}

/** What a device that only waits may keep open. */
const maxConnections = 2000;

/** A port that knows nothing but the parts of releases, so that devices need not reach the HTTP API. */
export class PartListener implements Part {
  private server: Server | undefined;
  private boundPort = 0;

  constructor(private readonly options: PartListenerOptions) {}

  /** Known after `start`. */
  get port(): number {
    return this.boundPort;
  }

  /** Throws FatalError `port-in-use`. */
  async start(): Promise<void> {
    if (this.server) return;
    const { sender } = this.options;
    const server = createServer({ headersTimeout: 10_000, requestTimeout: 10_000 }, (request, response) => {
      const text = request.url ?? '/';
      const url = URL.canParse(text, 'http://localhost') ? new URL(text, 'http://localhost') : undefined;
      if (url && sender.opens(url.pathname)) void sender.answer(request, response, url);
      else endWith(response, { status: 404, body: { error: 'nothing is here' } });
    });
    server.maxConnections = maxConnections;
    this.boundPort = await httpListen(server, this.options, 'The server of releases', 'gateway.releases.port');
    this.server = server;
  }

  async stop(deadlineMs: number): Promise<void> {
    const { server } = this;
    this.server = undefined;
    if (server) await httpClose(server, deadlineMs);
  }
}
