import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

// Below the range from which Linux (32768 up) and macOS (49152 up) take the ports of outgoing connections. A port from
// that range could be taken by some client while its server is down for a restart, and a client that keeps dialling
// it on loopback can even connect to itself.
const lowest = 15_000;
const highest = 32_000;
const blockSize = 50;

/**
 * Ports for the servers of one process. A port is free until its server listens, and again while that is down: another
 * process could take it then. So ports come from blocks, of which each belongs to who listens on its first port, for as
 * long as that process lives.
 */
export class PortPool {
  private readonly guards: Server[] = [];
  private ready: number[] = [];

  /** A TCP port on loopback that nobody listens on, and that neither this pool nor another has handed out before. */
  async take(): Promise<number> {
    for (;;) {
      const port = this.ready.pop();
      if (port === undefined) await this.addBlock();
      else if (await isFree(port)) return port;
    }
  }

  /** Gives all its ports back. */
  close(): void {
    for (const guard of this.guards.splice(0)) guard.close();
    this.ready = [];
  }

  private async addBlock(): Promise<void> {
    for (let attempt = 0; attempt < 1000; attempt += 1) {
      const first = lowest + blockSize * randomInt((highest - lowest) / blockSize);
      const guard = await listen(first);
      if (guard === undefined) continue;
      this.guards.push(guard.unref());
      this.ready.unshift(...Array.from({ length: blockSize - 1 }, (_, i) => first + 1 + i));
      return;
    }
    throw new Error(`no free block of TCP ports found between ${lowest} and ${highest}`);
  }
}

const own = new PortPool();

/** A TCP port on loopback that nobody listens on, and that no process of the tests is given beside this one. */
export function freePort(): Promise<number> {
  return own.take();
}

/** `count` different free ports. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await freePort());
  return ports;
}

async function isFree(port: number): Promise<boolean> {
  const server = await listen(port);
  server?.close();
  return server !== undefined;
}

async function listen(port: number): Promise<Server | undefined> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return server;
  } catch {
    return undefined;
  }
}
