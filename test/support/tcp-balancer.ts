import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** A balancer on loopback: each connection goes to the next target, in turn. It ends with the test. */
export class TcpBalancer {
  private readonly links = new Set<{ readonly client: Socket; readonly target: number }>();
  private next = 0;

  private constructor(
    private readonly server: Server,
    private readonly targets: readonly number[],
  ) {
    server.on('connection', (client) => this.accept(client));
  }

  static async start(targets: readonly number[]): Promise<TcpBalancer> {
    const server = createServer({ noDelay: true });
    const balancer = new TcpBalancer(server, targets);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => {
      balancer.cut();
      server.close();
    });
    return balancer;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Open connections to a target. */
  count(target: number): number {
    return [...this.links].filter((link) => link.target === target).length;
  }

  /** Resets every connection; those who come back get the other target. */
  cut(): void {
    for (const { client } of this.links) client.resetAndDestroy();
  }

  private accept(client: Socket): void {
    const target = this.targets[this.next++ % this.targets.length]!;
    const server = connect({ port: target, host: '127.0.0.1', noDelay: true });
    const link = { client, target };
    this.links.add(link);
    client.pipe(server).pipe(client);
    for (const socket of [client, server]) {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.links.delete(link);
        client.destroy();
        server.destroy();
      });
    }
  }
}
