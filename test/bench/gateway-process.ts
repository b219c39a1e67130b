/*
 * The gateway alone, over Kafka, as a process of the bench. `unacked`: it acknowledges before the log has anything, which
 * no configuration can make it do; it shows what the promise costs.
 */
import { Registry } from 'prom-client';
import { logTopics } from '../../core/contract/log-topics.js';
import { KafkaLog } from '../../core/log/kafka-log.js';
import type { EventLog } from '../../core/log/log.js';
import { systemClock as clock } from '../../core/runtime/clock.js';
import { createLogger } from '../../core/runtime/logger.js';
import { createGateway, gatewayConfigSchema, type Gateway } from '../../gateway/main.js';
import { answerParent } from './bench-child.js';

export interface GatewayStart {
  readonly brokers: readonly string[];
  readonly secret: string;
  readonly unacked: boolean;
  /** Of the `gateway` section. */
  readonly config: object;
}

let running: { gateway: Gateway; log: EventLog } | undefined;

async function start({ brokers, secret, unacked, config }: GatewayStart): Promise<{ port: number }> {
  const [logger, registry] = [createLogger({ level: 'warn' }), new Registry()];
  const kafka = new KafkaLog({ brokers, clientId: 'bench', clock, logger, registry });
  await kafka.start();
  await kafka.ensureTopics(Object.values(logTopics));
  const log = unacked ? appendingBehind(kafka) : kafka;
  const seams = { log, clock, logger, registry, secret: Buffer.from(secret) };
  const gateway = createGateway(gatewayConfigSchema.parse(config), seams);
  await gateway.start();
  running = { gateway, log: kafka };
  return { port: gateway.address().port };
}

function appendingBehind(log: EventLog): EventLog {
  const append: EventLog['append'] = (topic, records) => {
    log.append(topic, records).catch((error: unknown) => console.error(error));
    return Promise.resolve();
  };
  return new Proxy(log, {
    get: (target, name) => {
      const value = name === 'append' ? append : (Reflect.get(target, name) as unknown);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

answerParent(start, async () => {
  await running?.gateway.stop(3000);
  await running?.log.stop(3000);
});
