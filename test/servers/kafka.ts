import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ensureServer } from './ensure.js';
import { freePorts } from './free-port.js';
import { formatBroker, newClusterId, startBroker, type BrokerProgram } from './kafka-broker.js';
import { archivedClasses } from './kafka-classes.js';
import { brokerProperties, type BrokerPlace } from './kafka-config.js';
import { openServerFolder, type ServerFolder } from './run-folder.js';
import type { ServerProcess } from './spawn-server.js';

/** How to start Kafka; everything has a default. */
export interface KafkaOptions {
  readonly brokers?: 1 | 3;
  /** Kept when given, so that a later start finds the data; needs the same number of brokers. */
  readonly dataDir?: string;
  /** The ports that brokers listen on for clients, one each. */
  readonly ports?: readonly number[];
  /** The ports that clients are told to connect to, one each: those of proxies that lead to `ports`. */
  readonly advertisedPorts?: readonly number[];
  /** Further broker settings, or others than the tests' own. */
  readonly properties?: Readonly<Record<string, string>>;
  /** For brokers that live longer than a test: the JVM takes time to make their code quick. */
  readonly optimised?: boolean;
  /** Java heap of each broker in MB: 512 for one, 320 for each of three. */
  readonly heapMb?: number;
  /** 90,000 ms unless told. */
  readonly readyWithinMs?: number;
}

/** A running Kafka. Broker indices count from 0; broker i has node id i + 1. */
export interface Kafka {
  /** `host:port` of each broker, as clients see it. */
  readonly bootstrap: readonly string[];
  /** Ends all brokers and deletes a temporary data folder. May be called twice. */
  stop(): Promise<void>;
  /** SIGKILL to one broker, or to all. */
  kill9(broker?: number): Promise<void>;
  /** SIGSTOP: the broker keeps its connections and answers nothing. */
  freeze(broker: number): void;
  /** SIGCONT. */
  thaw(broker: number): void;
  /** Starts a broker again with the same ports and data (after SIGTERM if it runs); resolves when it is a member. */
  restart(broker: number): Promise<void>;
}

/**
 * Starts Apache Kafka in KRaft mode on loopback and resolves when every broker answers and sees all the others.
 * Topics are never created by use. Throws `MissingServerError`, or an error with the end of a broker's log.
 */
export async function startKafka(options: KafkaOptions = {}): Promise<Kafka> {
  const installed = await ensureServer('kafka');
  const count = options.brokers ?? 1;
  const heapMb = options.heapMb ?? (count === 1 ? 512 : 320);
  const flags = jvmFlags(installed.version, options.optimised ?? false);
  const program = { jars: installed.path, heapMb, readyWithinMs: options.readyWithinMs ?? 90_000, flags };
  const folder = openServerFolder('kafka', options.dataDir);
  const cluster = new Cluster(program, await layOut(folder.path, count, options), folder);
  try {
    await cluster.start(options.properties ?? {});
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

function jvmFlags(version: string, optimised: boolean): string[] {
  const classes = archivedClasses(version);
  return [
    ...(classes === undefined ? [] : [`-XX:SharedArchiveFile=${classes}`]),
    ...(optimised ? [] : ['-XX:TieredStopAtLevel=1']),
  ];
}

async function layOut(folder: string, count: number, options: KafkaOptions): Promise<BrokerPlace[]> {
  const ports = await freePorts(3 * count);
  const take = () => ports.pop() ?? 0;
  return Array.from({ length: count }, (_, index) => {
    const clientPort = options.ports?.[index] ?? take();
    const own = join(folder, `broker-${index + 1}`);
    mkdirSync(own, { recursive: true });
    return {
      nodeId: index + 1,
      clientPort,
      advertisedPort: options.advertisedPorts?.[index] ?? clientPort,
      internalPort: take(),
      controllerPort: take(),
      folder: own,
    };
  });
}

class Cluster implements Kafka {
  readonly bootstrap: readonly string[];
  readonly #processes: (ServerProcess | undefined)[] = [];

  constructor(
    private readonly program: BrokerProgram,
    private readonly places: readonly BrokerPlace[],
    private readonly folder: ServerFolder,
  ) {
    this.bootstrap = places.map((place) => `127.0.0.1:${place.advertisedPort}`);
  }

  async start(properties: Readonly<Record<string, string>>): Promise<void> {
    const clusterId = newClusterId();
    const everyId = this.places.map((place) => place.nodeId);
    const format = (place: BrokerPlace) =>
      formatBroker(this.program, place, brokerProperties(place, this.places, properties), clusterId);
    await Promise.all(this.places.map(format));
    const starts = this.places.map(async (place, index) => {
      this.#processes[index] = await startBroker(this.program, place, everyId);
    });
    // All must settle before a failure is reported, or a slow broker would outlive the stop that follows it.
    const failed = (await Promise.allSettled(starts)).find((start) => start.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  async restart(broker: number): Promise<void> {
    const place = this.#place(broker);
    await this.#processes[broker]?.terminate();
    this.#processes[broker] = await startBroker(this.program, place, [place.nodeId]);
  }

  async stop(): Promise<void> {
    // Three brokers asked to leave together wait in vain for the controllers that left first. Where the data is to be
    // deleted anyway nobody waits; where it stays, the wait is cut short and Kafka recovers as after a power cut.
    const end = (each: ServerProcess) => (this.folder.temporary ? each.kill9() : each.terminate(8_000));
    await Promise.all(this.#started().map(end));
    this.folder.remove();
  }

  async kill9(broker?: number): Promise<void> {
    const chosen = broker === undefined ? this.#started() : [this.#process(broker)];
    await Promise.all(chosen.map((each) => each.kill9()));
  }

  freeze(broker: number): void {
    this.#process(broker).freeze();
  }

  thaw(broker: number): void {
    this.#process(broker).thaw();
  }

  #started(): ServerProcess[] {
    return this.#processes.filter((each) => each !== undefined);
  }

  #place(broker: number): BrokerPlace {
    const place = this.places[broker];
    if (place === undefined) throw new RangeError(`no broker ${broker}; there are ${this.places.length}, from 0`);
    return place;
  }

  #process(broker: number): ServerProcess {
    const server = this.#processes[this.#place(broker).nodeId - 1];
    if (server === undefined) throw new Error(`broker ${broker} was never started`);
    return server;
  }
}
