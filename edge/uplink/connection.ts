import mqtt, { type MqttClient } from 'mqtt';
import { messageOf, RetryableError } from '#core/runtime/errors.js';

export interface ConnectionOptions {
  /** `mqtt://` or `mqtts://`. */
  readonly url: string;
  readonly username: string;
  readonly password: string | undefined;
  readonly clientId: string;
  readonly keepaliveSeconds: number;
  readonly connectTimeoutMs: number;
  /** Published by the gateway when the connection is lost. */
  readonly will: { readonly topic: string; readonly payload: Uint8Array };
  readonly onMessage: (topic: string, payload: Uint8Array) => void;
}

/**
 * One MQTT 3.1.1 connection, from its CONNACK to its end; it never reconnects. mqtt.js would send what it holds again by
 * itself: here the outbox is the only place from which anything is sent twice, so each connection has a client of its own.
 */
export class Connection {
  /** Resolves with the reason when the connection has ended, whoever ended it. */
  readonly closed: Promise<string>;
  private isClosed = false;
  private lastError: string | undefined;

  private constructor(private readonly client: MqttClient) {
    client.on('error', (error) => (this.lastError = error.message));
    this.closed = new Promise((resolve) => {
      client.once('close', () => {
        this.isClosed = true;
        resolve(this.lastError ?? 'the gateway closed the connection');
        // Fails what is still unacknowledged; nothing of it may leave on another connection.
        client.end(true);
      });
    });
  }

  /** Throws RetryableError `unavailable`, or `unauthorised` when the gateway refuses this device. */
  static open(options: ConnectionOptions): Promise<Connection> {
    const { url, username, password, clientId, will, onMessage } = options;
    const client = mqtt.connect(url, {
      username,
      ...(password !== undefined && { password }),
      clientId,
      protocolVersion: 4,
      clean: true,
      reconnectPeriod: 0,
      resubscribe: false,
      queueQoSZero: false,
      keepalive: options.keepaliveSeconds,
      connectTimeout: options.connectTimeoutMs,
      will: { topic: will.topic, payload: Buffer.from(will.payload), qos: 1, retain: false },
    });
    const connection = new Connection(client);
    client.on('message', (topic, payload) => onMessage(topic, payload));
    return new Promise((resolve, reject) => {
      client.once('connect', () => resolve(connection));
      void connection.closed.then((reason) => reject(new RetryableError(codeOf(reason), `${url}: ${reason}`)));
    });
  }

  /** Resolves with the PUBACK. Throws RetryableError `unavailable` when the connection ends before it came. */
  publish(topic: string, payload: Uint8Array): Promise<void> {
    if (this.isClosed) return Promise.reject(new RetryableError('unavailable', 'the connection has ended'));
    return new Promise((resolve, reject) => {
      this.client.publish(topic, payload as Buffer, { qos: 1 }, (error) => {
        // After the end, mqtt.js answers every publish that it still held: none of these answers is a PUBACK.
        if (error || this.isClosed)
          reject(new RetryableError('unavailable', error ? messageOf(error) : 'the connection has ended'));
        else resolve();
      });
    });
  }

  async subscribe(filter: string): Promise<void> {
    await this.client.subscribeAsync(filter, { qos: 1 }).catch((cause: unknown) => {
      throw new RetryableError('unavailable', `${filter}: ${messageOf(cause)}`, { cause });
    });
  }

  /** Ends politely, so that the gateway publishes no will; resolves when the connection is gone. */
  async end(): Promise<void> {
    if (!this.isClosed) this.client.end();
    await this.closed;
  }

  /** Ends at once: the gateway publishes the will. */
  cut(): void {
    this.client.end(true);
  }
}

/** CONNACK return codes 4 and 5, in the words of mqtt.js. */
function codeOf(reason: string): 'unauthorised' | 'unavailable' {
  return /Not authorized|Bad username or password/i.test(reason) ? 'unauthorised' : 'unavailable';
}
