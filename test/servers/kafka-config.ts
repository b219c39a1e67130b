/** Where one broker listens, and where it keeps its data. */
export interface BrokerPlace {
  readonly nodeId: number;
  readonly clientPort: number;
  /** What clients are told to connect to: `clientPort`, or a proxy before it. */
  readonly advertisedPort: number;
  readonly internalPort: number;
  readonly controllerPort: number;
  readonly folder: string;
}

const host = '127.0.0.1';

/**
 * The server.properties of one broker that is also a controller.
 * Brokers talk to each other on a listener of their own, so that a proxy before the clients' one disturbs only clients.
 */
export function brokerProperties(
  broker: BrokerPlace,
  all: readonly BrokerPlace[],
  further: Readonly<Record<string, string>>,
): string {
  const copies = String(all.length);
  const settings: Record<string, string> = {
    'process.roles': 'broker,controller',
    'node.id': String(broker.nodeId),
    'controller.quorum.voters': all.map((each) => `${each.nodeId}@${host}:${each.controllerPort}`).join(','),
    listeners: [
      `CLIENT://${host}:${broker.clientPort}`,
      `INTERNAL://${host}:${broker.internalPort}`,
      `CONTROLLER://${host}:${broker.controllerPort}`,
    ].join(','),
    'advertised.listeners': `CLIENT://${host}:${broker.advertisedPort},INTERNAL://${host}:${broker.internalPort}`,
    'listener.security.protocol.map': 'CLIENT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'INTERNAL',
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': broker.folder,
    'auto.create.topics.enable': 'false',
    'default.replication.factor': copies,
    'min.insync.replicas': all.length === 1 ? '1' : '2',
    'offsets.topic.replication.factor': copies,
    'transaction.state.log.replication.factor': copies,
    'transaction.state.log.min.isr': all.length === 1 ? '1' : '2',
    // After this time a dead broker is noticed, and a killed one may come back. With others to take over, a busy
    // machine's pause must not be mistaken for a death.
    'broker.session.timeout.ms': all.length === 1 ? '2000' : '4000',
    'broker.heartbeat.interval.ms': '250',
    ...smallAndQuick,
    ...further,
  };
  return Object.entries(settings)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}

/** Kafka's defaults suit a machine of its own and failures that last minutes. */
const smallAndQuick = {
  'offsets.topic.num.partitions': '4',
  'transaction.state.log.num.partitions': '4',
  'group.initial.rebalance.delay.ms': '0',
  'num.network.threads': '2',
  'num.io.threads': '4',
  'num.recovery.threads.per.data.dir': '2',
  // 128 MB by default, a quarter of the heap that a test's broker gets.
  'log.cleaner.dedupe.buffer.size': '16777216',
  'log.cleaner.backoff.ms': '200',
};
