import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { waitFor } from '../servers/wait-for.js';
import { dataTopic, packOf, press, RawSocket, startGateway } from './harness.js';
import { PlainClient } from './mqtt-client.js';
import { connectPacket } from './mqtt-bytes.js';

const file = fileURLToPath(new URL('../../deploy/interop.yaml', import.meta.url));
const { gateway: open } = parse(readFileSync(file, 'utf8')) as { gateway: { mqtt: object } };

/** The gateway of deploy/interop.yaml, on a free port, with two clients that are not yet connected. */
async function startOpen(limits: object = {}, routing: object = {}) {
  const test = await startGateway({ mqtt: { ...open.mqtt, port: 0 }, limits, routing });
  return { ...test, a: new PlainClient(test.port, 'myclientid'), b: new PlainClient(test.port, 'myclientid2') };
}

const payloads = (messages: readonly { payload: string }[]) => messages.map(({ payload }) => payload);

// The cases of the interoperability suite of Eclipse Paho for MQTT 3.1.1, told in our own words.
describe('a client of MQTT 3.1.1', () => {
  it('publishes and reads in all qualities, and its connection ends when it breaks the protocol', async () => {
    const { a } = await startOpen();
    expect(await a.connect()).toMatchObject({ returnCode: 0, sessionPresent: false });
    await a.disconnect();
    expect(await a.connect()).toMatchObject({ returnCode: 0, sessionPresent: false });
    expect(await a.subscribe(['TopicA', 2])).toEqual([2]);
    for (const qos of [0, 1, 2] as const) await a.publish('TopicA', `qos ${qos}`, qos);
    const received = await a.receive(3);
    expect(received.map(({ payload, qos }) => [payload, qos])).toEqual([
      ['qos 0', 0],
      ['qos 1', 1],
      ['qos 2', 2],
    ]);
    await a.disconnect();

    await a.connect();
    a.packets = [];
    expect(await a.sayConnect()).toBeUndefined();
    expect(a.ended).toBe(true);

    await a.open();
    expect(await a.sayConnect({ protocolId: 'hj' as 'MQTT' }).catch(() => undefined)).toBeUndefined();
  });

  it('finds what was retained, until it is cleared', async () => {
    const { a } = await startOpen();
    await a.connect();
    for (const [qos, topic] of ['TopicA/B', 'Topic/C', 'TopicA/C'].entries()) {
      await a.publish(topic, `qos ${qos}`, qos as 0 | 1 | 2, true);
    }
    await a.ping();
    await a.subscribe(['+/+', 2]);
    const found = await a.receive(3);
    expect(payloads(found).sort()).toEqual(['qos 0', 'qos 1', 'qos 2']);
    expect(found.every(({ retain }) => retain)).toBe(true);
    await a.disconnect();

    await a.connect();
    for (const [qos, topic] of ['TopicA/B', 'Topic/C', 'TopicA/C'].entries()) {
      await a.publish(topic, '', qos as 0 | 1 | 2, true);
    }
    await a.subscribe(['+/+', 2]);
    await a.publish('TopicA/Z', 'last', 1);
    expect(payloads(await a.receive(1))).toEqual(['last']);
  });

  it('has no session without a client id', async () => {
    const { gateway, port } = await startOpen();
    const raw = await RawSocket.open(port);
    raw.write(connectPacket({ clientId: '', clean: false }));
    await waitFor('the end', 15_000, () => raw.ended);
    expect([...raw.received]).toEqual([0x20, 2, 0, 2]);
    expect(await new PlainClient(port, '').connect({ clean: true })).toMatchObject({ returnCode: 0 });
    expect(gateway.status().refused).toEqual({ 'client-id': 1 });
  });

  it('that was away finds in its session what was published meanwhile', async () => {
    const { a, b } = await startOpen();
    expect(await a.connect({ clean: false })).toMatchObject({ sessionPresent: false });
    await a.subscribe(['+/+', 2]);
    await a.disconnect();

    await b.connect();
    for (const [qos, topic] of ['TopicA/B', 'Topic/C', 'TopicA/C'].entries()) {
      await b.publish(topic, `qos ${qos}`, qos as 0 | 1 | 2);
    }
    await b.disconnect();

    expect(await a.connect({ clean: false })).toMatchObject({ returnCode: 0, sessionPresent: true });
    expect(payloads(await a.receive(2))).toEqual(['qos 1', 'qos 2']);
    await a.disconnect();
    // It had them once, and once only.
    await a.connect({ clean: false });
    await a.publish('TopicA/B', 'last', 1);
    expect(payloads(await a.receive(1))).toEqual(['last']);
    await a.disconnect();
    expect(await a.connect()).toMatchObject({ sessionPresent: false });
    await a.disconnect();
    expect(await a.connect({ clean: false })).toMatchObject({ sessionPresent: false });
  });

  it('leaves a will if its connection is lost, and none if it says goodbye', async () => {
    const { a, b } = await startOpen();
    const will = { topic: 'Topic/C', payload: Buffer.from('client not disconnected'), qos: 2, retain: false } as const;
    await b.connect({ clean: false });
    await b.subscribe(['Topic/C', 2]);
    await a.connect({ keepalive: 2, will });
    await a.disconnect();
    await a.connect({ keepalive: 2, will });
    await a.vanish();
    expect(await b.receive(1)).toMatchObject([{ topic: 'Topic/C', payload: 'client not disconnected', qos: 2 }]);
  });

  it('gets a message once, in the better quality, where its subscriptions overlap', async () => {
    const { a } = await startOpen();
    await a.connect();
    expect(await a.subscribe(['TopicA/#', 2], ['TopicA/+', 1])).toEqual([2, 1]);
    await a.publish('TopicA/C', 'overlapping', 2);
    expect(await a.receive(1)).toMatchObject([{ payload: 'overlapping', qos: 2 }]);
  });

  it('that falls silent is taken for lost after one and a half times its keepalive', async () => {
    const { a, b } = await startOpen();
    const will = { topic: '/TopicA', payload: Buffer.from('keepalive expiry'), qos: 0, retain: false } as const;
    await b.connect();
    await b.subscribe(['/TopicA', 2]);
    await a.connect({ keepalive: 1, will });
    expect(payloads(await b.receive(1))).toEqual(['keepalive expiry']);
    expect(a.ended).toBe(true);
  });

  it('gets again on its next connection what it did not acknowledge', async () => {
    const { b } = await startOpen();
    await b.connect({ clean: false });
    await b.subscribe(['TopicA/#', 2]);
    b.silent = true;
    await b.publish('TopicA/B', '', 1);
    await b.publish('TopicA/C', '', 2);
    await waitFor('both', 15_000, () => b.packets.filter(({ cmd }) => cmd === 'publish').length === 2);
    await b.disconnect();
    expect(b.messages).toEqual([]);

    b.silent = false;
    expect(await b.connect({ clean: false })).toMatchObject({ sessionPresent: true });
    const again = await b.receive(2);
    expect(again.map(({ topic, qos, dup }) => [topic, qos, dup])).toEqual([
      ['TopicA/B', 1, true],
      ['TopicA/C', 2, true],
    ]);
  });

  it('is told that it may not read a topic, and stays connected', async () => {
    const { a, b } = await startOpen();
    await a.connect();
    expect(await a.subscribe(['test/nosubscribe', 2])).toEqual([0x80]);
    expect(await a.subscribe(['test/nosubscribe', 1], ['test/#', 1], ['$SYS/#', 0])).toEqual([0x80, 1, 0x80]);
    // Nor does it get there by a wider subscription.
    await b.connect();
    await b.publish('test/nosubscribe', 'hidden', 1);
    await b.publish('test/other', 'seen', 1);
    expect(payloads(await a.receive(1))).toEqual(['seen']);
  });

  it('does not find topics that begin with $ by a wildcard', async () => {
    const { b } = await startOpen();
    await b.connect();
    await b.subscribe(['+/+', 2], ['#', 0]);
    await b.publish('$TopicA/B', 'hidden', 1);
    await b.publish('TopicA/B', 'seen', 1);
    expect(payloads(await b.receive(1))).toEqual(['seen']);
  });

  it('gets nothing more of what it unsubscribed from', async () => {
    const { a, b } = await startOpen();
    await b.connect();
    for (const topic of ['TopicA', 'TopicA/B', 'Topic/C']) await b.subscribe([topic, 2]);
    await b.unsubscribe('TopicA');
    await a.connect();
    for (const topic of ['TopicA', 'TopicA/B', 'Topic/C']) await a.publish(topic, topic, 1);
    expect(payloads(await b.receive(2))).toEqual(['TopicA/B', 'Topic/C']);
  });
});

describe('a gateway that is open', () => {
  it('answers a CONNECT of MQTT 5 with the CONNACK of 3.1.1 that says so', async () => {
    const { gateway, port } = await startOpen();
    const raw = await RawSocket.open(port);
    raw.write(connectPacket({ level: 5 }));
    await waitFor('the end', 15_000, () => raw.ended);
    expect([...raw.received]).toEqual([0x20, 2, 0, 1]);
    expect(gateway.status().refused).toEqual({ 'protocol-version': 1 });
  });

  it('keeps the topics of devices for the log, and for their devices', async () => {
    const { a, b, memory, gateway } = await startOpen();
    await a.connect();
    // `#` is granted, but brings nothing of what is below fieldline/.
    expect(await a.subscribe(['#', 1], ['fieldline/#', 1], [dataTopic(press), 1])).toEqual([1, 0x80, 0x80]);
    expect(await b.connect({ username: 'plant1/press-07' })).toMatchObject({ returnCode: 0 });
    b.send({
      cmd: 'publish',
      topic: dataTopic(press),
      payload: packOf(press, 0),
      qos: 1,
      messageId: 9,
      retain: false,
      dup: false,
    });
    await waitFor('its PUBACK', 15_000, () => b.packets.some(({ cmd }) => cmd === 'puback'));
    expect(memory.records('sensor-readings')).toHaveLength(1);
    await gateway.publishCommand(press, 'reboot-1', Buffer.from('{}'));
    await b.publish('TopicA', 'from a device', 1);
    expect(payloads(await a.receive(1))).toEqual(['from a device']);
    await b.disconnect();
    // A device has no session, whatever it asks for.
    for (let i = 0; i < 2; i += 1) {
      expect(await b.connect({ clean: false, username: 'plant1/press-07' })).toMatchObject({ sessionPresent: false });
      await b.subscribe(['TopicA', 1]);
      await b.disconnect();
    }
  });

  it('lets nobody without the name of a device write its topics', async () => {
    const { a, gateway } = await startOpen();
    await a.connect();
    await a.publish(dataTopic(press), 'x', 1).catch(() => undefined);
    await waitFor('the end', 15_000, () => a.ended);
    expect(gateway.status().refused).toEqual({ 'forbidden-topic': 1 });
  });

  it('counts what it cannot keep for clients that are away', async () => {
    const { a, b, registry } = await startOpen({}, { maxQueuedMessages: 10 });
    await a.connect({ clean: false });
    await a.subscribe(['TopicA', 1]);
    await a.disconnect();
    await b.connect();
    for (let i = 0; i < 25; i += 1) await b.publish('TopicA', String(i), 1);
    expect(await registry.metrics()).toContain('fieldline_gateway_routed_lost_total{reason="session-queue"} 15');
    await a.connect({ clean: false });
    expect(payloads(await a.receive(10))).toEqual(Array.from({ length: 10 }, (_, i) => String(i)));
    await b.publish('TopicA', 'again', 1);
    expect(payloads(await a.receive(1))).toEqual(['again']);
  });

  it('gives a reader no better quality than it asked for', async () => {
    const { a, b } = await startOpen();
    await a.connect();
    await a.subscribe(['TopicA/+', 1], ['Other/#', 0]);
    await b.connect();
    await b.publish('TopicA/B', 'two', 2);
    await b.publish('Other/B', 'one', 1);
    expect((await a.receive(2)).map(({ payload, qos }) => [payload, qos])).toEqual([
      ['two', 1],
      ['one', 0],
    ]);
  });
});
