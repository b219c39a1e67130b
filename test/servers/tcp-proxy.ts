import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { freePort } from './free-port.js';

/** What to do with the rest of a connection, decided by a tap. */
export type TapVerdict = 'close' | 'silence';

/**
 * Looks at the bytes of one connection and decides what goes on. Each function returns the bytes to pass on (none is
 * allowed), or `close` (reset both sides) or `silence` (stay open, but pass nothing more in this direction).
 */
export interface Tap {
  toServer(chunk: Buffer): Buffer | TapVerdict;
  toClient(chunk: Buffer): Buffer | TapVerdict;
}

export interface TcpProxyOptions {
  /** The port on loopback that connections are passed on to. */
  readonly target: number;
  /** The port to listen on; a free one unless told. */
  readonly port?: number;
  /** Called once for each connection. */
  readonly tap?: () => Tap;
}

interface Link {
  readonly client: Socket;
  readonly server: Socket;
}

/** A proxy on loopback that a test can make fail. It starts healthy. */
export class TcpProxy {
  readonly #listener: Server;
  readonly #links = new Set<Link>();
  readonly #options: TcpProxyOptions;
  #state: 'healthy' | 'cut' | 'stalled' = 'healthy';

  constructor(options: TcpProxyOptions) {
    this.#options = options;
    this.#listener = createServer({ noDelay: true, allowHalfOpen: true }, (client) => this.#accept(client));
  }

  /** Listens; throws if the port is taken. */
  async start(): Promise<this> {
    this.#listener.listen(this.#options.port ?? (await freePort()), '127.0.0.1');
    await once(this.#listener, 'listening');
    return this;
  }

  get port(): number {
    return (this.#listener.address() as AddressInfo).port;
  }

  /** How many connections are open through the proxy. */
  get connections(): number {
    return this.#links.size;
  }

  /** Resets every connection, and each new one at once, until `heal`: the network is gone. */
  cut(): void {
    this.#state = 'cut';
    for (const link of this.#links) reset(link);
  }

  /** Holds every byte back, in both directions, while connections stay open: the other side is hung. */
  stall(): void {
    this.#state = 'stalled';
    for (const link of this.#links) hold(link);
  }

  /** Accepts connections again and lets bytes that were held back flow. */
  heal(): void {
    this.#state = 'healthy';
    for (const { client, server } of this.#links) {
      client.resume();
      server.resume();
    }
  }

  /** Closes the listener and every connection. May be called twice. */
  async stop(): Promise<void> {
    for (const link of this.#links) reset(link);
    if (!this.#listener.listening) return;
    this.#listener.close();
    await once(this.#listener, 'close');
  }

  #accept(client: Socket): void {
    const server = connect({ host: '127.0.0.1', port: this.#options.target, noDelay: true, allowHalfOpen: true });
    const link = { client, server };
    this.#links.add(link);
    const tap = this.#options.tap?.();
    this.#pass(link, client, server, tap?.toServer.bind(tap));
    this.#pass(link, server, client, tap?.toClient.bind(tap));
    if (this.#state === 'cut') reset(link);
    if (this.#state === 'stalled') hold(link);
  }

  #pass(link: Link, from: Socket, to: Socket, look?: (chunk: Buffer) => Buffer | TapVerdict): void {
    let silent = false;
    from.on('data', (chunk) => {
      const result = silent ? 'silence' : (look?.(chunk) ?? chunk);
      if (result === 'close') reset(link);
      else if (result === 'silence') silent = true;
      // The receiver is slow: its sender must wait, or the proxy would buffer without bound.
      else if (result.length > 0 && !to.write(result)) from.pause();
    });
    to.on('drain', () => {
      if (this.#state !== 'stalled') from.resume();
    });
    from.on('end', () => to.end());
    // What failed is told by 'close', too.
    from.on('error', () => undefined);
    from.on('close', (failed) => {
      this.#links.delete(link);
      // An orderly goodbye must still reach the other side; after a failure there is none.
      if (failed) to.resetAndDestroy();
      else to.destroySoon();
    });
  }
}

/** Starts a proxy to a port on loopback. */
export const startTcpProxy = (options: TcpProxyOptions): Promise<TcpProxy> => new TcpProxy(options).start();

function hold({ client, server }: Link): void {
  client.pause();
  server.pause();
}

function reset({ client, server }: Link): void {
  // Not an orderly end: a peer that crashed or was cut off does not say goodbye.
  client.resetAndDestroy();
  server.resetAndDestroy();
}
