import type { Admin } from 'kafkajs';
import { type KafkaClient, type KafkaConnection, newClient } from './connection.js';
import { kafkaError } from './kafka-error.js';

/** An administrator's connection, made at first use and again after a failure. */
export class AdminLink {
  private opened: Promise<{ client: KafkaClient; admin: Admin }> | undefined;

  constructor(private readonly connection: KafkaConnection) {}

  /** Throws RetryableError; the same call may be made again. */
  async use<T>(what: string, work: (admin: Admin) => Promise<T>): Promise<T> {
    const opening = (this.opened ??= this.open());
    try {
      return await work((await opening).admin);
    } catch (error) {
      if (this.opened === opening) this.opened = undefined;
      opening.then(({ client }) => client.reset()).catch(() => undefined);
      throw kafkaError(what, error);
    }
  }

  async close(): Promise<void> {
    const opened = await this.opened?.catch(() => undefined);
    this.opened = undefined;
    opened?.client.reset();
  }

  private async open(): Promise<{ client: KafkaClient; admin: Admin }> {
    const client = newClient(this.connection);
    const admin = client.kafka.admin();
    await admin.connect().catch((error: unknown) => {
      client.reset();
      throw error;
    });
    return { client, admin };
  }
}
