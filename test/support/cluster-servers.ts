import { startInfluxd } from '../servers/influxdb.js';
import { startKafka, type Kafka } from '../servers/kafka.js';

/** Real Kafka and InfluxDB, and what `fieldline.yaml` says to use them. */
export interface ClusterServers {
  readonly kafka: Kafka;
  readonly influxd: Awaited<ReturnType<typeof startInfluxd>>;
  readonly config: Readonly<Record<string, unknown>>;
  stop(): Promise<void>;
}

export async function startClusterServers(options: Parameters<typeof startKafka>[0] = {}): Promise<ClusterServers> {
  const [kafka, influxd] = await Promise.all([startKafka(options), startInfluxd()]);
  return {
    kafka,
    influxd,
    config: {
      log: { kafka: { brokers: [...kafka.bootstrap] } },
      store: { influx: { url: influxd.url, org: influxd.org, token: influxd.token } },
    },
    stop: async () => {
      await Promise.all([kafka.stop(), influxd.stop()]);
    },
  };
}
