import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import kafkajs, { type ISocketFactory, type Kafka, type KafkaConfig } from 'kafkajs';
import type { Logger } from '../../runtime/logger.js';

/** How to reach the cluster. */
export interface KafkaConnection {
  /** `host:port` of some brokers; the others are found through them. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly ssl?: KafkaConfig['ssl'];
  readonly sasl?: KafkaConfig['sasl'];
  /** How long a broker may take to answer: 15 s. */
  readonly requestTimeoutMs?: number;
  /** How long a connection may take: 3 s. */
  readonly connectTimeoutMs?: number;
  readonly logger: Logger;
}

export const defaultRequestTimeoutMs = 15_000;

/** A kafkajs client with its sockets: kafkajs waits for answers that never come, and cannot be made to stop. */
export interface KafkaClient {
  readonly kafka: Kafka;
  /** Resets the connections, all or those to one broker: what waits for an answer fails at once. */
  reset(broker?: { host: string; port: number }): void;
}

/**
 * Every use has a client of its own: clients share the committed offsets of a group, and spoil them for each other.
 * `retries` are those within one call of kafkajs. With each it connects to the next broker, so there are enough to come
 * by every one; more are for those who do not try again themselves.
 */
export function newClient(connection: KafkaConnection, retries = connection.brokers.length - 1): KafkaClient {
  const sockets = new Map<Socket, string>();
  const kafka = new kafkajs.Kafka({
    brokers: [...connection.brokers],
    clientId: connection.clientId,
    ssl: connection.ssl,
    sasl: connection.sasl,
    requestTimeout: connection.requestTimeoutMs ?? defaultRequestTimeoutMs,
    connectionTimeout: connection.connectTimeoutMs ?? 3000,
    retry: { retries, initialRetryTime: 50, maxRetryTime: 500 },
    socketFactory: trackedSockets(sockets),
    // What matters is said by those who call kafkajs, once per outage; it would say it once per try.
    logLevel: kafkajs.logLevel.WARN,
    logCreator: () => (entry) => {
      const { message, broker, groupId, error } = entry.log;
      connection.logger.debug(
        { broker: broker as unknown, groupId: groupId as unknown, error: error as unknown },
        message,
      );
    },
  });
  const reset: KafkaClient['reset'] = (broker) => {
    for (const [socket, place] of sockets) {
      if (!socket.destroyed && (!broker || place === placeOf(broker))) socket.resetAndDestroy();
    }
  };
  return { kafka, reset };
}

const placeOf = ({ host, port }: { host: string; port: number }): string => `${host}:${port}`;

/**
 * As kafkajs makes its own sockets, but remembered. A reset discards what the system has not sent yet: a batch that
 * came late, after its own repetition and batches behind it, would be a record from the past in the log.
 */
function trackedSockets(sockets: Map<Socket, string>): ISocketFactory {
  return ({ host, port, ssl, onConnect }) => {
    const socket = ssl ? connect({ host, port }) : connect({ host, port }, onConnect);
    sockets.set(socket, placeOf({ host, port }));
    socket.setKeepAlive(true, 30_000);
    if (!ssl) return failing(socket, sockets);
    const servername = isIP(host) === 0 ? { servername: host } : {};
    // The host is what the certificate must be of.
    const secure = connectTls({ host, ...servername, ...ssl, socket }, onConnect);
    failing(socket, sockets).on('error', (error) => secure.destroy(error));
    return secure;
  };
}

/** kafkajs hears of errors and of an orderly end, but not of a connection that is just gone. */
function failing(socket: Socket, sockets: Map<Socket, string>): Socket {
  let isEnded = false;
  socket.once('end', () => (isEnded = true));
  socket.once('error', () => (isEnded = true));
  socket.once('close', () => {
    sockets.delete(socket);
    if (!isEnded) socket.emit('error', new Error('connection reset'));
  });
  return socket;
}
