import { describe, expect, it, onTestFinished } from 'vitest';
import { mqttTopic } from '../../../core/contract/mqtt-topics.js';
import { haveServers } from '../../servers/ensure.js';
import { startMosquitto } from '../../servers/mosquitto.js';
import { waitFor } from '../../servers/wait-for.js';
import { dataTopic, press } from '../harness.js';
import { connected, connectPlain, openExternal, TestSink } from './harness.js';

const usable = await haveServers('mosquitto');
const numbers = (count: number) => Array.from({ length: count }, (_, i) => String(i));

async function startBroker(conf = '') {
  const mosquitto = await startMosquitto(`max_inflight_messages 0\nmax_queued_messages 0\n${conf}`);
  onTestFinished(() => mosquitto.stop());
  return mosquitto;
}

describe.skipIf(!usable)('a broker elsewhere', () => {
  it.each(['5', '3.1.1'])('is acknowledged what was settled, and gives the rest again: MQTT %s', async (protocol) => {
    const { url } = await startBroker();
    const first = new TestSink();
    first.open = false;
    const broker = await openExternal(url, first, { protocol });
    await connected(broker);
    const device = await connectPlain(url);
    for (const text of numbers(30)) await device.publishAsync(dataTopic(press), text, { qos: text < '2' ? 2 : 1 });
    await waitFor('all', 20_000, () => first.received.length === 30);
    expect(first.payloads).toEqual(numbers(30));
    // What is settled out of order is acknowledged in order: of these only the first ten.
    for (const at of [9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 20]) first.received[at]!.settle('stored');
    await broker.stop(100);
    expect(broker.status().connections).toBe(0);
    const second = new TestSink();
    await openExternal(url, second, { protocol });
    await waitFor('the rest', 20_000, () => second.received.length >= 20);
    expect([...second.payloads].sort()).toEqual(numbers(30).slice(10).sort());
  });

  it('does not send more than the window, nor is read beyond it, and loses nothing', async () => {
    const { url } = await startBroker();
    const sink = new TestSink();
    sink.open = false;
    // In 3.1.1 the broker does not know the window.
    const broker = await openExternal(url, sink, { protocol: '3.1.1', receiveWindow: 16 });
    await connected(broker);
    const device = await connectPlain(url);
    const all = numbers(2000).map((text) => device.publishAsync(dataTopic(press), text.padEnd(1000), { qos: 1 }));
    await Promise.all(all);
    await waitFor('the window', 20_000, () => broker.status().blockedConnections === 1);
    expect(broker.status()).toMatchObject({ heldMessages: 16, connections: 1 });
    sink.settle(10);
    await waitFor('ten more', 20_000, () => sink.received.length === 26);
    sink.open = true;
    sink.settle();
    await waitFor('all', 20_000, () => sink.received.length === 2000);
    expect(sink.payloads.map((text) => text.trim())).toEqual(numbers(2000));
    expect(broker.status()).toMatchObject({ heldMessages: 0, heldBytes: 0 });
  });

  it('is told commands and configs; a config that it could not be told is told when it is back', async () => {
    const mosquitto = await startBroker();
    const broker = await openExternal(mosquitto.url, new TestSink());
    await connected(broker);
    const device = await connectPlain(mosquitto.url);
    const heard: string[] = [];
    device.on('message', (topic, payload) => heard.push(`${topic} ${payload.toString()}`));
    await device.subscribeAsync(mqttTopic(press, 'command', '+'), { qos: 1 });
    await broker.publishCommand(press, 'c1', Buffer.from('{}'));
    await waitFor('the command', 20_000, () => heard.length === 1);
    await mosquitto.kill9();
    await waitFor('the loss', 20_000, () => broker.notReady().length === 1);
    await expect(broker.publishCommand(press, 'c2', Buffer.from('{}'))).rejects.toMatchObject({ code: 'unavailable' });
    await broker.publishConfig(press, Buffer.from('old'));
    await broker.publishConfig(press, Buffer.from('new'));
    await mosquitto.restart();
    await connected(broker);
    await waitFor('the device', 20_000, () => device.connected);
    await device.subscribeAsync(mqttTopic(press, 'config'), { qos: 1 });
    await waitFor('the config', 20_000, () => heard.length >= 2);
    expect(heard).toEqual([`${mqttTopic(press, 'command', 'c1')} {}`, `${mqttTopic(press, 'config')} new`]);
  });

  it('may refuse us, and the reason is told', async () => {
    const { url } = await startBroker('allow_anonymous false');
    const broker = await openExternal(url, new TestSink());
    await waitFor('the refusal', 20_000, () => /not authorised/.test(broker.notReady()[0] ?? ''));
  });

  it('delivers what is no topic of a device only to be counted, and a payload without end only in part', async () => {
    const { url } = await startBroker();
    const sink = new TestSink();
    const broker = await openExternal(url, sink);
    await connected(broker);
    const device = await connectPlain(url);
    await device.publishAsync('fieldline/no site/press-07/data', 'x', { qos: 1 });
    await device.publishAsync(dataTopic(press), Buffer.alloc(3_000_000, 'x'), { qos: 1 });
    await device.publishAsync(dataTopic(press), 'y', { qos: 2 });
    await waitFor('both', 20_000, () => sink.received.length === 2);
    expect(sink.received[0]!.payload.byteLength).toBeGreaterThan(64 * 1024);
    expect(sink.received[0]!.payload.byteLength).toBeLessThanOrEqual(128 * 1024);
    expect(sink.payloads[1]).toBe('y');
    expect(broker.status()).toMatchObject({ refused: { 'forbidden-topic': 1 }, heldMessages: 0, heldBytes: 0 });
  });
});
