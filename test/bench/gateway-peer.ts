import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { ensureServer } from '../servers/ensure.js';
import { startMosquitto } from '../servers/mosquitto.js';
import { spawnServer } from '../servers/spawn-server.js';
import { pause, waitFor } from '../servers/wait-for.js';
import { topicLength } from './kafka-count.js';

export interface Peer {
  readonly name: string;
  readonly port: number;
  readonly pids: readonly number[];
  end(): Promise<void>;
}

/**
 * mosquitto, which acknowledges, and Telegraf, which brings what it forwards to Kafka, acks=all and lz4 as ours. Nothing
 * is checked on the way: no passwords, no access lists, payloads are text that nobody reads.
 */
export async function startPeer(brokers: readonly string[], topic: string, folder: string): Promise<Peer> {
  const { path, version } = await ensureServer('telegraf', (line) => console.error(line));
  // Neither queue may drop anything.
  const unbounded = 'max_inflight_messages 0\nmax_queued_messages 0\npersistence false\n';
  const mosquitto = await startMosquitto(unbounded, { quiet: true });
  const file = join(folder, 'telegraf.conf');
  writeFileSync(file, configuration(mosquitto.url, brokers, topic));
  const telegraf = await spawnServer({
    name: 'telegraf',
    command: path,
    args: ['--config', file, '--quiet'],
    folder,
    readyWithinMs: 30_000,
    ready: () => forwards(mosquitto.url, brokers, topic),
  });
  return {
    name: `mosquitto + telegraf ${version}`,
    port: mosquitto.port,
    pids: [mosquitto.pid, telegraf.pid],
    end: async () => {
      await telegraf.terminate();
      await mosquitto.stop();
    },
  };
}

/** Whether what is published comes to the log. */
async function forwards(url: string, brokers: readonly string[], topic: string): Promise<boolean> {
  const before = await topicLength(brokers, topic);
  const client = await mqtt.connectAsync(url);
  await client.publishAsync('fieldline/b/probe/data', '[]', { qos: 1 });
  await client.endAsync();
  await waitFor('the probe', 3000, async () => (await topicLength(brokers, topic)) > before, 200);
  // Another one may be on its way.
  await pause(500);
  return true;
}

function configuration(url: string, brokers: readonly string[], topic: string): string {
  return `
[agent]
  interval = "1s"
  flush_interval = "100ms"
  metric_batch_size = 5000
  metric_buffer_limit = 2000000
  omit_hostname = true
[[inputs.mqtt_consumer]]
  servers = ["${url.replace('mqtt:', 'tcp:')}"]
  topics = ["fieldline/+/+/data"]
  qos = 1
  client_id = "telegraf"
  persistent_session = true
  max_undelivered_messages = 100000
  data_format = "value"
  data_type = "string"
[[outputs.kafka]]
  brokers = [${brokers.map((broker) => `"${broker}"`).join(', ')}]
  topic = "${topic}"
  routing_tag = "topic"
  required_acks = -1
  compression_codec = 3
  data_format = "influx"
`;
}
