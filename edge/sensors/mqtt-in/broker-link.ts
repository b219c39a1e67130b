import { readFileSync } from 'node:fs';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { FatalError, messageOf, RetryableError } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';
import type { Message } from './intake.js';

export interface BrokerOptions {
  readonly url: string;
  readonly clientId?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly passwordFile?: string | undefined;
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly qos: 0 | 1;
  readonly keepaliveMs: number;
  readonly connectTimeoutMs: number;
  readonly reconnectMs: number;
}

export interface BrokerLinkOptions extends BrokerOptions {
  readonly filters: readonly string[];
  readonly logger: Logger;
  readonly onMessage: (message: Message) => void;
}

/** A connection to a broker with its subscriptions, which comes back by itself. */
export class BrokerLink {
  private client: MqttClient | undefined;
  private isSubscribed = false;
  private reason: string | undefined;
  private waiting: (() => void)[] = [];

  constructor(private readonly options: BrokerLinkOptions) {}

  /** Undefined while subscribed. */
  get failure(): RetryableError | undefined {
    if (this.isSubscribed) return undefined;
    const reason = this.reason ?? 'not connected yet';
    const code = /not authorized|bad user name|refused every/i.test(reason) ? 'unauthorised' : 'unavailable';
    return new RetryableError(code, `${this.options.url}: ${reason}`);
  }

  /**
   * Resolves when the subscriptions stand; throws RetryableError as soon as it is known that they do not yet, and goes on
   * trying. Throws FatalError `bad-config` if a file cannot be read.
   */
  async open(): Promise<void> {
    if (this.isSubscribed) return;
    this.client ??= this.connect();
    await new Promise<void>((resolve) => this.waiting.push(resolve));
    if (this.failure) throw this.failure;
  }

  close(): Promise<void> {
    const { client } = this;
    this.client = undefined;
    this.settle('closed');
    return new Promise((resolve) => {
      if (client) client.end(true, () => resolve());
      else resolve();
    });
  }

  private connect(): MqttClient {
    const client = mqtt.connect(this.options.url, clientOptions(this.options));
    client.on('connect', () => void this.subscribe(client));
    client.on('error', (error) => this.isCurrent(client) && (this.reason = messageOf(error) || error.name));
    client.on('close', () => {
      if (this.isCurrent(client)) this.settle(this.reason ?? 'the connection was lost');
    });
    client.on('message', (topic, payload, { retain }) => {
      if (this.isCurrent(client)) this.options.onMessage({ topic, payload, isRetained: retain });
    });
    return client;
  }

  private isCurrent(client: MqttClient): boolean {
    return client === this.client;
  }

  /** One by one: what the broker refuses must not take the others along. */
  private async subscribe(client: MqttClient): Promise<void> {
    const { filters, qos, logger } = this.options;
    const results = await Promise.allSettled(filters.map((filter) => client.subscribeAsync(filter, { qos })));
    if (!this.isCurrent(client) || !client.connected) return;
    const refused = filters.filter((_, i) => results[i]!.status === 'rejected');
    if (refused.length > 0) logger.warn({ topics: refused }, 'the broker refused subscriptions');
    if (refused.length < filters.length) this.settle();
    else this.settle('the broker refused every subscription');
  }

  private settle(failure?: string): void {
    this.isSubscribed = failure === undefined;
    this.reason = failure;
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}

function clientOptions(options: BrokerOptions): IClientOptions {
  const { clientId, username, keepaliveMs, connectTimeoutMs, reconnectMs } = options;
  const password = options.password ?? readText(options.passwordFile)?.trim();
  const [ca, cert, key] = [readText(options.caFile), readText(options.certFile), readText(options.keyFile)];
  return {
    protocolVersion: 4,
    clean: true,
    // We subscribe ourselves.
    resubscribe: false,
    reconnectPeriod: reconnectMs,
    reconnectOnConnackError: true,
    connectTimeout: connectTimeoutMs,
    keepalive: Math.round(keepaliveMs / 1000),
    ...(clientId !== undefined && { clientId }),
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
}

function readText(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new FatalError('bad-config', `cannot read ${path}: ${messageOf(cause)}`, { cause });
  }
}
