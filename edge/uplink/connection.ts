import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { messageOf, RetryableError } from '#core/runtime/errors.js';
import './small-packets.js';
import { openVerifiedStream } from './open-stream.js';
import type { TimeKnowledge } from './verify-chain.js';

export interface ConnectionOptions {
  /** `mqtt://` or `mqtts://`. */
  readonly url: string;
  readonly username: string;
  readonly password: string | undefined;
  readonly clientId: string;
  readonly keepaliveSeconds: number;
  readonly connectTimeoutMs: number;
  /** For `mqtts://`: the PEM of the authority that signed the gateway's certificate; default those of the system. */
  readonly ca?: string | Uint8Array;
  /** For `mqtts://`: the PEM of the certificate and the key that this device shows. */
  readonly cert?: string;
  readonly key?: string;
  /**
   * Set where the system's clock is certainly wrong, so that the system would refuse every certificate: ours is then
   * verified up to `ca` by what is known of the time, and without a `ca` nothing is.
   */
  readonly time?: TimeKnowledge | undefined;
  /** Published by the gateway when the connection is lost. Default: nothing. */
  readonly will?: { readonly topic: string; readonly payload: Uint8Array };
  readonly onMessage: (topic: string, payload: Uint8Array) => void;
  /** Monotonic milliseconds, to tell how long the line has been silent. */
  readonly nowMs: () => number;
  /** Gives up an opening that takes too long for whoever wants to stop. */
  readonly signal: AbortSignal;
}

/** A publish that waits for its PUBACK. */
interface Waiting {
  messageId: number;
  readonly fail: (reason: string) => void;
}

/** mqtt.js would end a connection whose PINGRESP is late, and a gateway that holds PUBACKs may be late for minutes. */
const noTimer = { set: () => 0, clear: () => undefined } as never;

/**
 * One MQTT 3.1.1 connection, from its CONNACK to its end; it never reconnects. mqtt.js would send what it holds again by
 * itself: here the outbox is the only place from which anything is sent twice, so each connection has a client of its own.
 */
export class Connection {
  /** Resolves with the reason when the connection has ended, whoever ended it. */
  readonly closed: Promise<string>;
  #isClosed = false;
  #reason: string | undefined;
  /** The return code of a CONNACK that refused the connection. */
  #returnCode: number | undefined;
  readonly #waiting = new Set<Waiting>();
  #receivedMs: number;
  #sentMs: number;

  private constructor(
    private readonly client: MqttClient,
    nowMs: () => number,
  ) {
    this.#receivedMs = this.#sentMs = nowMs();
    client.on('error', (error) => {
      this.#reason ??= error.message;
      // Those of the system are texts.
      if ('code' in error && typeof error.code === 'number') this.#returnCode = error.code;
    });
    client.on('packetreceive', () => (this.#receivedMs = nowMs()));
    client.on('packetsend', () => (this.#sentMs = nowMs()));
    this.closed = new Promise((resolve) => {
      client.once('close', () => {
        this.#isClosed = true;
        this.#reason ??= 'the gateway closed the connection';
        for (const { fail } of this.#waiting) fail(this.#reason);
        // Forgets what it holds; nothing of it may leave on another connection.
        client.end(true);
        resolve(this.#reason);
      });
    });
  }

  /**
   * Throws RetryableError `unavailable`; `unauthorised` when the gateway refuses this device, or this device it; `busy`
   * when the gateway has no room for it now.
   */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const { url, ca, cert, key, time, connectTimeoutMs: timeoutMs, signal } = options;
    const isVerifiedHere = time !== undefined && ca !== undefined && url.startsWith('mqtts:');
    const stream = isVerifiedHere && (await openVerifiedStream({ url, ca, cert, key, time, timeoutMs, signal }));
    const settings = clientOptions(options);
    return this.adopt(stream ? new mqtt.MqttClient(() => stream, settings) : mqtt.connect(url, settings), options);
  }

  private static adopt(client: MqttClient, options: ConnectionOptions): Promise<Connection> {
    const { url, onMessage } = options;
    const connection = new Connection(client, options.nowMs);
    client.on('message', (topic, payload) => onMessage(topic, payload));
    const giveUp = () => connection.cut('stopped');
    options.signal.addEventListener('abort', giveUp);
    return new Promise((resolve, reject) => {
      client.once('connect', () => {
        options.signal.removeEventListener('abort', giveUp);
        resolve(connection);
      });
      void connection.closed.then((reason) =>
        reject(new RetryableError(codeOf(connection.#returnCode), `${url}: ${reason}`)),
      );
    });
  }

  /** Publishes that wait for their PUBACK. */
  get unacknowledged(): number {
    return this.#waiting.size;
  }

  /** When something last came, in monotonic milliseconds. */
  get receivedMs(): number {
    return this.#receivedMs;
  }

  get sentMs(): number {
    return this.#sentMs;
  }

  /** Resolves with the PUBACK, however long it takes. Throws RetryableError `unavailable` when the connection ends first. */
  publish(topic: string, payload: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) {
        reject(new RetryableError('unavailable', 'the connection has ended'));
        return;
      }
      const waiting: Waiting = {
        messageId: 0,
        fail: (reason) => {
          if (this.#waiting.delete(waiting)) reject(new RetryableError('unavailable', reason));
        },
      };
      this.#waiting.add(waiting);
      // mqtt.js also calls back for what it gives up: only a call without an error, before the end, is a PUBACK.
      this.client.publish(topic, payload as Buffer, { qos: 1 }, (error) => {
        if (error) waiting.fail(messageOf(error));
        else if (this.#waiting.delete(waiting)) resolve();
      });
      waiting.messageId = this.client.getLastMessageId();
    });
  }

  async subscribe(filter: string): Promise<void> {
    await this.client.subscribeAsync(filter, { qos: 1 }).catch((cause: unknown) => {
      throw new RetryableError('unavailable', `${filter}: ${messageOf(cause)}`, { cause });
    });
  }

  ping(): void {
    if (!this.#isClosed) this.client.sendPing();
  }

  /** Ends politely, so that the gateway publishes no will; resolves when the connection is gone. */
  async end(): Promise<void> {
    // Otherwise mqtt.js sends no DISCONNECT before the last PUBACK, and that may take an outage.
    for (const { messageId } of this.#waiting) this.client.removeOutgoingMessage(messageId);
    if (!this.#isClosed) this.client.end();
    await this.closed;
  }

  /** Ends at once: the gateway publishes the will. */
  cut(reason?: string): void {
    this.#reason ??= reason;
    // Not `end(true)`, which does nothing once `end()` waits.
    this.client.stream.destroy();
  }
}

function clientOptions(options: ConnectionOptions): IClientOptions {
  const { username, password, clientId, will, ca, cert, key } = options;
  return {
    username,
    ...(password !== undefined && { password }),
    ...(ca !== undefined && { ca: Buffer.from(ca) }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    clientId,
    protocolVersion: 4,
    clean: true,
    reconnectPeriod: 0,
    resubscribe: false,
    queueQoSZero: false,
    keepalive: options.keepaliveSeconds,
    timerVariant: noTimer,
    connectTimeout: options.connectTimeoutMs,
    ...(will && { will: { topic: will.topic, payload: Buffer.from(will.payload), qos: 1, retain: false } }),
  };
}

/** Return codes of a CONNACK. [MQTT-3.2.2.3] */
const codes: Readonly<Record<number, 'busy' | 'unauthorised'>> = { 3: 'busy', 4: 'unauthorised', 5: 'unauthorised' };

function codeOf(returnCode: number | undefined): 'unavailable' | 'busy' | 'unauthorised' {
  return (returnCode !== undefined && codes[returnCode]) || 'unavailable';
}
