import { Registry } from 'prom-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { logTopics } from '../../core/contract/log-topics.js';
import { KafkaLog } from '../../core/log/kafka-log.js';
import { systemClock } from '../../core/runtime/clock.js';
import { silentLogger } from '../../core/runtime/logger.js';
import { createGateway, gatewayConfigSchema } from '../../gateway/main.js';
import { haveServers } from '../servers/ensure.js';
import { startProxiedKafka } from '../servers/proxied-kafka.js';
import { waitFor } from '../servers/wait-for.js';
import { packsInKafka } from '../support/kafka-packs.js';
import { connectDevice, dataTopic, packOf, secret } from './harness.js';

const usable = await haveServers('kafka');
const devices = Array.from({ length: 5 }, (_, i) => ({ site: 'plant1', device: `device-${i}` }));
const packs = 40;

describe.skipIf(!usable)('the gateway before Kafka', () => {
  it('loses nothing, keeps the order and cuts no device off while Kafka hangs and is cut off', async () => {
    const kafka = await startProxiedKafka();
    onTestFinished(() => kafka.stop());
    const brokers = [...kafka.bootstrap];
    const log = new KafkaLog({
      brokers,
      clientId: 'gateway',
      clock: systemClock,
      logger: silentLogger,
      requestTimeoutMs: 2000,
    });
    await log.start();
    onTestFinished(() => log.stop(2000));
    await log.ensureTopics(Object.values(logTopics));
    const config = gatewayConfigSchema.parse({ mqtt: { port: 0 } });
    const seams = { log, clock: systemClock, logger: silentLogger, registry: new Registry(), secret };
    const gateway = createGateway(config, seams);
    await gateway.start();
    onTestFinished(() => gateway.stop(1000));
    const { port } = gateway.address();
    const clients = await Promise.all(devices.map((device) => connectDevice(port, device, { keepalive: 1 })));
    const closed: string[] = [];
    clients.forEach((client, i) => client.on('close', () => closed.push(devices[i]!.device)));

    let sent = 0;
    const acknowledged: Promise<unknown>[] = [];
    const publish = (count: number) => {
      for (const end = sent + count; sent < end; sent += 1) {
        for (const [i, client] of clients.entries()) {
          acknowledged.push(client.publishAsync(dataTopic(devices[i]!), packOf(devices[i]!, sent), { qos: 1 }));
        }
      }
    };
    publish(packs / 4);
    await Promise.all(acknowledged);
    const [proxy] = kafka.proxies;
    for (const fault of ['stall', 'cut'] as const) {
      proxy![fault]();
      publish(packs / 4);
      const startedMs = performance.now();
      await waitFor('three seconds of it', 5000, () => performance.now() - startedMs > 3000);
      expect(gateway.status().heldMessages).toBeGreaterThan(0);
      proxy!.heal();
    }
    publish(packs / 4);
    await Promise.all(acknowledged);

    expect(closed).toEqual([]);
    expect(gateway.status()).toMatchObject({ heldMessages: 0, heldBytes: 0, refused: {} });
    const seqs = await packsInKafka(brokers);
    for (const { device } of devices) {
      const order = [...new Set(seqs.get(`plant1/${device}`))];
      expect(order).toEqual(Array.from({ length: packs }, (_, seq) => seq));
    }
  });
});
