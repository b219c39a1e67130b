import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MqttClient } from 'mqtt';
import { Registry } from 'prom-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { logTopics } from '../../../core/contract/log-topics.js';
import { mqttTopic } from '../../../core/contract/mqtt-topics.js';
import type { DeviceId } from '../../../core/contract/names.js';
import { decodePack } from '../../../core/contract/pack.js';
import { systemClock } from '../../../core/runtime/clock.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import { createGateway, gatewayConfigSchema } from '../../../gateway/main.js';
import { haveServers } from '../../servers/ensure.js';
import { freePorts } from '../../servers/free-port.js';
import { startKafka } from '../../servers/kafka.js';
import { startMosquitto } from '../../servers/mosquitto.js';
import { waitFor } from '../../servers/wait-for.js';
import { FaultyLog } from '../../support/faulty-log.js';
import { startFieldline, writeConfig } from '../../support/fieldline.js';
import { packsInKafka } from '../../support/kafka-packs.js';
import { MemoryLog } from '../../support/memory-log.js';
import { tempDir } from '../../support/temp-dir.js';
import { dataTopic, packOf, secret } from '../harness.js';
import { connectPlain } from './harness.js';

const usable = await haveServers('mosquitto', 'kafka');
const devices: readonly DeviceId[] = Array.from({ length: 4 }, (_, i) => ({ site: 'plant1', device: `device-${i}` }));
const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

async function startBroker() {
  const mosquitto = await startMosquitto('max_inflight_messages 0\nmax_queued_messages 0', { quiet: true });
  onTestFinished(() => mosquitto.stop());
  return mosquitto;
}

/** Publishes the packs of each device from the first number up to, and without, the last; all are acknowledged then. */
async function publish(clients: readonly MqttClient[], first: number, last: number): Promise<void> {
  const some = numbers(last - first).map((i) => first + i);
  const all = clients.flatMap((client, i) =>
    some.map((seq) => client.publishAsync(dataTopic(devices[i]!), packOf(devices[i]!, seq), { qos: 1 })),
  );
  await Promise.all(all);
}

describe.skipIf(!usable || process.platform !== 'linux')('gateways on a broker elsewhere', () => {
  it('share the load; one is killed, the broker restarted, and what the broker took is in Kafka', async () => {
    const [kafka, mosquitto, folder] = await Promise.all([startKafka(), startBroker(), tempDir()]);
    onTestFinished(() => kafka.stop());
    const [httpPort] = (await freePorts(1)) as [number];
    const config = writeConfig(folder, {
      profile: 'cluster',
      data: join(folder, 'data'),
      gateway: { external: { url: mosquitto.url }, processes: 2 },
      log: { kafka: { brokers: [...kafka.bootstrap] } },
    });
    const args = ['gateway', 'run', '--config', config, '--http-port', `${httpPort}`];
    const gateway = await startFieldline({ name: 'gateway', args, folder, httpPort, readyWithinMs: 90_000 });
    onTestFinished(() => gateway.terminate());
    const clients = await Promise.all(devices.map(({ device }) => connectPlain(mosquitto.url, { clientId: device })));

    await publish(clients, 0, 100);
    await waitFor('both to take part', 60_000, async () => {
      const text = await (await fetch(`${gateway.http}/metrics`)).text();
      return ['1', '2'].every((number) => {
        const found = new RegExp(`^fieldline_gateway_messages_total\\{.*process="${number}".*\\} [1-9]`, 'm');
        return found.test(text);
      });
    });
    const children = () => readFileSync(`/proc/${gateway.pid}/task/${gateway.pid}/children`, 'utf8').trim().split(' ');
    const [first] = children();
    const publishing = publish(clients, 100, 500);
    process.kill(Number(first), 'SIGKILL');
    await publishing;
    // This mosquitto restores no shared subscription: what comes before both are back is taken and given to nobody.
    const connections = () => readFileSync(gateway.logFile, 'utf8').match(/the broker is connected/g)!.length;
    await waitFor('another in its place', 60_000, () => children().length === 2 && !children().includes(first!));
    await waitFor('both', 60_000, async () => (await fetch(`${gateway.http}/readyz`)).ok);
    const before = connections();
    await mosquitto.restart();
    await waitFor('both to be back', 60_000, () => connections() >= before + 2);
    await publish(clients, 500, 600);

    const complete = async () => {
      const stored = await packsInKafka(kafka.bootstrap);
      return devices.every(({ device }) => new Set(stored.get(`plant1/${device}`)).size === 600) && stored;
    };
    const stored = await waitFor('all packs in Kafka', 120_000, complete, 500);
    for (const { device } of devices) {
      expect([...new Set(stored.get(`plant1/${device}`))].sort((a, b) => a - b)).toEqual(numbers(600));
    }
  });

  it('while the log is away holds no more than the window, and loses nothing and keeps the order after it', async () => {
    const mosquitto = await startBroker();
    const memory = new MemoryLog();
    const log = new FaultyLog(memory);
    await log.ensureTopics(Object.values(logTopics));
    const config = gatewayConfigSchema.parse({ external: { url: mosquitto.url, receiveWindow: 50 } });
    const seams = { log, clock: systemClock, logger: silentLogger, registry: new Registry(), secret };
    const gateway = createGateway(config, seams);
    await gateway.start();
    onTestFinished(async () => {
      log.release();
      await gateway.stop(100);
    });
    await waitFor('the broker', 20_000, () => gateway.notReady().length === 0);
    const clients = await Promise.all(devices.map(({ device }) => connectPlain(mosquitto.url, { clientId: device })));
    log.hold();
    await publish(clients, 0, 500);
    await waitFor('the window', 20_000, () => gateway.status().heldMessages === 50);
    expect(gateway.status()).toMatchObject({ heldMessages: 50, connections: 1, logHealthy: false });
    expect(gateway.status().heldBytes).toBeLessThan(50 * 1000);
    // The connection is lost meanwhile: what was held on the old one counts until the log has it.
    await mosquitto.restart();
    await waitFor('the broker again', 20_000, () => gateway.notReady().join().includes('log takes nothing'));
    expect(gateway.status().heldMessages).toBeLessThanOrEqual(50);
    log.release();
    const seqs = (device: DeviceId) => {
      const own = memory.records(logTopics.readings.name).filter(({ key }) => key === `plant1/${device.device}`);
      return [...new Set(own.map(({ value }) => decodePack(value).seq))];
    };
    await waitFor('all', 60_000, () => devices.every((device) => seqs(device).length === 500));
    for (const device of devices) expect(seqs(device)).toEqual(numbers(500));
    await waitFor('all settled', 20_000, () => gateway.status().heldMessages === 0);

    // Its device was told that the broker has it, so another pack with a number that is in use is kept as a dead letter.
    const told: string[] = [];
    const [device] = clients;
    device!.on('message', (_topic, payload) => told.push(payload.toString()));
    await device!.subscribeAsync(mqttTopic(devices[0]!, 'command', '+'), { qos: 1 });
    await device!.publishAsync(dataTopic(devices[0]!), packOf(devices[0]!, 499, 7), { qos: 1 });
    await waitFor('the dead letter', 20_000, () => memory.records(logTopics.deadLetters.name).length === 1);
    expect(memory.records(logTopics.deadLetters.name)[0]!.headers).toMatchObject({ reason: 'number-conflict' });
    await waitFor('the order for a new epoch', 20_000, () => told.some((text) => text.includes('new-epoch')));
    expect(gateway.status().refused).toEqual({});
  });
});
