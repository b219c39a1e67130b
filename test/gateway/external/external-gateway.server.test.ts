import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MqttClient } from 'mqtt';
import { Registry } from 'prom-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { logTopics } from '../../../core/contract/log-topics.js';
import { mqttTopic } from '../../../core/contract/mqtt-topics.js';
import type { DeviceId } from '../../../core/contract/names.js';
import { decodePack } from '../../../core/contract/pack.js';
import { desiredReleaseSchema } from '../../../core/contract/release.js';
import { systemClock } from '../../../core/runtime/clock.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import { createGateway, gatewayConfigSchema } from '../../../gateway/main.js';
import type { FleetView } from '../../../gateway/rollout/fleet-door.js';
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
import { operatorOf } from '../operator.js';
import { layReleases, makeRelease } from '../releases/make-release.js';
import { Agent } from '../rollout/agent.js';
import { connectPlain } from './harness.js';

const usable = await haveServers('mosquitto', 'kafka');
const devices: readonly DeviceId[] = Array.from({ length: 4 }, (_, i) => ({ site: 'plant1', device: `device-${i}` }));
const documented = fileURLToPath(new URL('../../../docs/gateway/external-broker.md', import.meta.url));
const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

async function startBroker(conf = '') {
  const mosquitto = await startMosquitto(`max_inflight_messages 0\nmax_queued_messages 0\n${conf}`, { quiet: true });
  onTestFinished(() => mosquitto.stop());
  return mosquitto;
}

/** A gateway over a log in memory, once the broker is connected. */
async function startMemoryGateway(wanted: object) {
  const memory = new MemoryLog();
  const log = new FaultyLog(memory);
  await log.ensureTopics(Object.values(logTopics));
  const seams = { log, clock: systemClock, logger: silentLogger, registry: new Registry(), secret };
  const gateway = createGateway(gatewayConfigSchema.parse(wanted), seams);
  await gateway.start();
  onTestFinished(async () => {
    log.release();
    await gateway.stop(100);
  });
  await waitFor('the broker', 20_000, () => gateway.notReady().length === 0);
  return { ...gateway, memory, log };
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
    const { memory, log, ...gateway } = await startMemoryGateway({
      external: { url: mosquitto.url, receiveWindow: 50 },
    });
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

  it('bring a release to a device that may do what the documents allow it, and hear what became of it', async () => {
    const [folder, directory] = await Promise.all([tempDir(), tempDir()]);
    const made = makeRelease('2.0.0');
    await layReleases(directory, made);
    const rights = readFileSync(documented, 'utf8').match(/^pattern .*$/gm)!;
    const aclFile = join(folder, 'acl');
    writeFileSync(aclFile, ['user gateway', 'topic readwrite fieldline/#', ...rights, ''].join('\n'), { mode: 0o600 });
    const mosquitto = await startBroker(`acl_file ${aclFile}`);
    const gateway = await startMemoryGateway({
      external: { url: mosquitto.url, username: 'gateway' },
      releases: { directory, port: 0 },
    });
    const ask = await operatorOf(gateway);
    const [device] = devices;
    const agent = await Agent.start({ device: device!, connect: { port: mosquitto.port } });
    const seen = async () => ((await ask('GET', '/fleet')).answer['devices'] as FleetView[])[0];
    await waitFor('the device', 20_000, async () => (await seen())?.arch === 'arm64');
    const sources = [`http://127.0.0.1:${gateway.releasesPort()}/releases`];
    const wanted = { version: '2.0.0', stages: [{ select: 'all' }], completeness: false, sources };
    const { id } = (await ask('POST', '/rollouts', wanted)).answer;
    await waitFor(
      'its word',
      20_000,
      async () => (await seen())?.report?.status === 'confirmed' && agent.running === '2.0.0',
    );
    expect(agent.fetched).toEqual([made.sha256]);
    expect(await seen()).toMatchObject({ version: '2.0.0', desired: { id, version: '2.0.0' }, report: { id } });

    // It is retained: who comes later is told, until it is taken back.
    const path = `/devices/${device!.site}/${device!.device}/release`;
    const told: string[] = [];
    const late = await connectPlain(mosquitto.url, { username: `${device!.site}/${device!.device}` });
    late.on('message', (_topic, payload) => told.push(payload.toString()));
    await late.subscribeAsync(mqttTopic(device!, 'release'), { qos: 1 });
    await waitFor('the retained one', 20_000, () => told.length === 1);
    expect(desiredReleaseSchema.parse(JSON.parse(told[0]!))).toMatchObject({ id, release: made.release, sources });
    expect((await ask('DELETE', path)).status).toBe(200);
    await waitFor('the end of it', 20_000, () => told[1] === '');
  });
});
