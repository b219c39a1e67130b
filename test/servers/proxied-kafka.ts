import { freePorts } from './free-port.js';
import { startKafka, type Kafka, type KafkaOptions } from './kafka.js';
import { ProduceSwallower } from './produce-swallower.js';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.js';

/** A Kafka whose clients all go through proxies, one per broker, by index; brokers talk to each other directly. */
export interface ProxiedKafka extends Kafka {
  readonly proxies: readonly TcpProxy[];
  readonly swallower: ProduceSwallower;
}

/**
 * Starts Kafka behind proxies that it advertises, so that clients find no way around them.
 * Throws as `startKafka` does; nothing is left running in that case.
 */
export async function startProxiedKafka(options: KafkaOptions = {}): Promise<ProxiedKafka> {
  const swallower = new ProduceSwallower();
  const ports = await freePorts(options.brokers ?? 1);
  const proxies = await Promise.all(ports.map((target) => startTcpProxy({ target, tap: swallower.tap })));
  const stopProxies = () => Promise.all(proxies.map((proxy) => proxy.stop()));
  try {
    const kafka = await startKafka({ ...options, ports, advertisedPorts: proxies.map((proxy) => proxy.port) });
    return {
      bootstrap: kafka.bootstrap,
      kill9: (broker) => kafka.kill9(broker),
      freeze: (broker) => kafka.freeze(broker),
      thaw: (broker) => kafka.thaw(broker),
      restart: (broker) => kafka.restart(broker),
      stop: async () => {
        await stopProxies();
        await kafka.stop();
      },
      proxies,
      swallower,
    };
  } catch (error) {
    await stopProxies();
    throw error;
  }
}
