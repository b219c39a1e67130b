import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt';
import { Registry } from 'prom-client';
import { onTestFinished } from 'vitest';
import { systemClock } from '../../../core/runtime/clock.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import { ExternalBroker } from '../../../gateway/external/external-broker.js';
import { externalSchema } from '../../../gateway/external/external-config.js';
import type { DeviceMessage, MessageSink } from '../../../gateway/intake/message.js';
import { TopicRouter } from '../../../gateway/intake/topic-router.js';
import { waitFor } from '../../servers/wait-for.js';

/** Takes what comes, and settles it when the test says so. */
export class TestSink implements MessageSink {
  readonly received: DeviceMessage[] = [];
  /** Settles what comes from now on at once. */
  open = true;
  private settled = 0;

  receive(message: Parameters<MessageSink['receive']>[0]): void {
    this.received.push(message as DeviceMessage);
    if (this.open) this.settle();
  }

  /** Settles all that is held, or the first `count` of it. */
  settle(count = Infinity): void {
    for (const end = Math.min(this.received.length, this.settled + count); this.settled < end; this.settled += 1) {
      this.received[this.settled]!.settle('stored');
    }
  }

  get payloads(): string[] {
    return this.received.map(({ payload }) => Buffer.from(payload).toString());
  }
}

/** A started client of the broker; it is stopped with the test. */
export async function openExternal(url: string, sink: MessageSink, config: object = {}) {
  const broker = new ExternalBroker({
    config: externalSchema.parse({ url, ...config }),
    place: { host: 'here' },
    maxPayloadBytes: 64 * 1024,
    maxHeldBytes: 1024 * 1024,
    intake: sink,
    router: new TopicRouter([]),
    clock: systemClock,
    random: () => 0.99,
    logger: silentLogger,
    registry: new Registry(),
  });
  await broker.start();
  onTestFinished(() => broker.stop(100));
  return broker;
}

export async function connected(broker: ExternalBroker): Promise<void> {
  await waitFor('the broker', 20_000, () => broker.notReady().length === 0);
}

/** A client without a password; it ends with the test. */
export async function connectPlain(url: string, options: IClientOptions = {}): Promise<MqttClient> {
  const client = await connectAsync(url, { reconnectPeriod: 100, ...options });
  client.on('error', () => undefined);
  onTestFinished(() => void client.end(true));
  return client;
}
