import type { Server, Socket } from 'node:net';

const nameOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;

/**
 * Ends the connections of a TLS server that have not come to the end of their handshake, when the server closes: it would
 * wait for them.
 */
export function endHandshakesOnClose(server: Server): void {
  const unfinished = new Map<string, Socket>();
  server.on('connection', (socket: Socket) => {
    const name = nameOf(socket);
    unfinished.set(name, socket);
    socket.once('close', () => unfinished.delete(name));
  });
  server.on('secureConnection', (socket: Socket) => unfinished.delete(nameOf(socket)));
  const close = server.close.bind(server);
  server.close = (callback) => {
    for (const socket of unfinished.values()) socket.destroy();
    return close(callback);
  };
}
