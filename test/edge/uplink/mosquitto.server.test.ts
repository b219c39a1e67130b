import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import mqtt, { type MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { LevelOutbox } from '../../../edge/outbox/level-outbox.js';
import { decodeTraced } from '../../contracts/outbox/traced-pack.js';
import { haveServers } from '../../servers/ensure.js';
import { startMosquitto, type Mosquitto } from '../../servers/mosquitto.js';
import { startTcpProxy, type TcpProxy } from '../../servers/tcp-proxy.js';
import { waitFor } from '../../servers/wait-for.js';
import { tempDir } from '../../support/temp-dir.js';
import { levelOptions } from '../outbox/level-under-test.js';
import { numbers, openUplink } from './uplink-under-test.js';

describe.skipIf(!(await haveServers('mosquitto')))('with mosquitto', () => {
  let mosquitto: Mosquitto;
  beforeAll(async () => {
    mosquitto = await startMosquitto();
  });
  afterAll(() => mosquitto?.stop());

  /** Receives all packs in a session that the broker keeps over its own restart. */
  async function subscribe(): Promise<{ seqs: number[]; alerts: number[] }> {
    const seqs: number[] = [];
    const alerts: number[] = [];
    const options = { clean: false, clientId: `subscriber-${Math.random()}`, reconnectPeriod: 50 };
    const client: MqttClient = mqtt.connect(mosquitto.url, options);
    onTestFinished(() => void client.end(true));
    client.on('message', (topic, payload) =>
      (topic.endsWith('/alert') ? alerts : seqs).push(decodeTraced(payload).seq),
    );
    await client.subscribeAsync(['fieldline/+/+/data', 'fieldline/+/+/alert'], { qos: 1 });
    return { seqs, alerts };
  }

  async function openOnDisk(url: string, over = {}) {
    const outbox = new LevelOutbox(levelOptions(await tempDir(), { maxBytes: 64 * 1024 * 1024 }));
    await outbox.start();
    return openUplink(url, { outbox, ...over });
  }

  async function proxied(tap?: ConstructorParameters<typeof TcpProxy>[0]['tap']): Promise<TcpProxy> {
    const proxy = await startTcpProxy({ target: mosquitto.port, ...(tap && { tap }) });
    onTestFinished(() => proxy.stop());
    return proxy;
  }

  it('loses nothing when the broker is restarted in the middle', async () => {
    const received = await subscribe();
    const { uplink, append, outbox } = await openOnDisk(mosquitto.url);
    await uplink.start();
    await waitFor('connected', 10_000, () => uplink.status().connected);
    let appended = 0;
    const appending = (async () => {
      for (; appended < 600; appended += 1) await append(1, appended % 20 === 0 ? 'alert' : 'data');
    })();
    await waitFor('some packs', 10_000, () => received.seqs.length > 50);
    await mosquitto.restart();
    await appending;
    await waitFor('no pack is pending', 20_000, () => outbox.status().pendingPacks === 0);
    expect(uplink.status().connections).toBeGreaterThan(1);
    await waitFor('all packs', 20_000, () => new Set([...received.seqs, ...received.alerts]).size === 600);
    expect(new Set([...received.seqs, ...received.alerts])).toEqual(new Set(numbers(0, 600)));
  });

  it('sends again what was on the wire when the line was cut before its PUBACKs', async () => {
    const received = await subscribe();
    // Passes CONNACK, SUBACK and the PUBACK of the birth on, and then nothing.
    let swallowing = false;
    const proxy = await proxied(() => ({
      toServer: (chunk) => chunk,
      toClient: (chunk) => (swallowing ? Buffer.alloc(0) : chunk),
    }));
    const { uplink, append, outbox } = await openOnDisk(`mqtt://127.0.0.1:${proxy.port}`);
    await uplink.start();
    await waitFor('connected', 10_000, () => uplink.status().connected);
    swallowing = true;
    await append(40);
    await waitFor('a window of packs', 10_000, () => received.seqs.length === 16);
    expect(outbox.status().pendingPacks).toBe(40);
    proxy.cut();
    swallowing = false;
    proxy.heal();
    await waitFor('no pack is pending', 20_000, () => outbox.status().pendingPacks === 0);
    await waitFor('all packs', 10_000, () => received.seqs.length === 56);
    expect(received.seqs).toEqual([...numbers(0, 16), ...numbers(0, 40)]);
  });

  it('keeps the line while PUBACKs are held for many keep-alives', { timeout: 60_000 }, async () => {
    const received = await subscribe();
    // Holds everything from the broker back, PINGRESPs too, as a gateway does that waits for its log.
    let holding = false;
    let held: Buffer[] = [];
    const proxy = await proxied(() => ({
      toServer: (chunk) => chunk,
      toClient: (chunk) => {
        held.push(chunk);
        if (holding) return Buffer.alloc(0);
        const passed = Buffer.concat(held);
        held = [];
        return passed;
      },
    }));
    const { uplink, append, outbox } = await openOnDisk(`mqtt://127.0.0.1:${proxy.port}`, { keepaliveSeconds: 1 });
    await uplink.start();
    await waitFor('connected', 10_000, () => uplink.status().connected);
    holding = true;
    await append(20);
    await waitFor('a window of packs', 10_000, () => received.seqs.length === 16);
    const startMs = performance.now();
    await waitFor('8 keep-alives', 20_000, () => performance.now() - startMs > 8000);
    expect(uplink.status()).toMatchObject({ connected: true, connections: 1, inFlight: 16 });
    holding = false;
    await waitFor('no pack is pending', 20_000, () => outbox.status().pendingPacks === 0);
    await waitFor('the last packs', 10_000, () => received.seqs.length >= 20);
    expect(received.seqs).toEqual(numbers(0, 20));
    expect(uplink.status().connections).toBe(1);
  });

  it('notices a dead line although PUBACKs are due', { timeout: 60_000 }, async () => {
    const relay = await startRelay(mosquitto.port);
    const { uplink, append } = await openOnDisk(`mqtt://127.0.0.1:${relay.port}`, { keepaliveSeconds: 1 });
    await uplink.start();
    await waitFor('connected', 10_000, () => uplink.status().connected);
    relay.goDead();
    await append(5);
    await waitFor('packs on the wire', 10_000, () => uplink.status().inFlight === 5);
    await waitFor('it noticed', 20_000, () => !uplink.status().connected);
    // What the next try met may already stand in its place.
    expect(uplink.status().lastError).toMatch(/cannot be reached|ECONNREFUSED/);
  });
});

/** Passes bytes on until it goes dead: then the open connections stay silent, and nobody takes a new one. */
async function startRelay(target: number): Promise<{ port: number; goDead: () => void }> {
  const pairs: Socket[] = [];
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1');
    pairs.push(client, upstream);
    for (const socket of [client, upstream]) socket.on('error', () => undefined);
    client.pipe(upstream).pipe(client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    for (const socket of pairs) socket.destroy();
  });
  const goDead = () => {
    server.close();
    for (const socket of pairs) socket.unpipe().pause();
  };
  return { port: (server.address() as AddressInfo).port, goDead };
}
