import { describe, expect, it } from 'vitest';
import { catalogueHash, type Catalogue } from '../../core/contract/catalogue.js';
import { encodeAlertPack } from '../../core/contract/alert.js';
import { mqttTopic } from '../../core/contract/mqtt-topics.js';
import { RetryableError } from '../../core/runtime/errors.js';
import { testCatalogue, testEpoch } from '../support/packs.js';
import { waitFor } from '../servers/wait-for.js';
import { connectDevice, dataTopic, oven, packOf, press, startGateway, type TestGateway } from './harness.js';

const topic = mqttTopic(press, 'state');
const session = (digit: string): string => digit.repeat(16);
const outbox = { epoch: testEpoch, lastSeq: 4, oldestHeld: 0, timeUs: 1_790_000_000_000_000 };
const catalogue = testCatalogue(['temp'], press.site, press.device);

function birth(digit: string, over: { catalogue?: Catalogue; hash?: string } = {}): string {
  const { catalogue: sensors = catalogue, hash = catalogueHash(sensors) } = over;
  const state = { type: 'birth', session: session(digit), ...outbox, catalogueHash: hash, catalogue: sensors };
  return JSON.stringify({ ...state, version: '1.0.0' });
}
const offline = (digit: string): string => JSON.stringify({ type: 'offline', session: session(digit) });
const events = ({ memory }: TestGateway) =>
  memory.records('device-events').map(({ key, value }) => [key, Buffer.from(value).toString()]);

describe('what a device says of itself', () => {
  it('a birth is its catalogue, under its hash, and the birth as it came', async () => {
    const test = await startGateway();
    const client = await connectDevice(test.port, press);
    await client.publishAsync(topic, birth('a'), { qos: 1 });
    expect(new Map(events(test) as [string, string][])).toEqual(
      new Map([
        [`plant1/press-07/catalogue/${catalogueHash(catalogue)}`, JSON.stringify(catalogue)],
        ['plant1/press-07/birth/current', birth('a')],
      ]),
    );
  });

  it('heartbeats and clocks are kept as they came', async () => {
    const test = await startGateway();
    const client = await connectDevice(test.port, press);
    const heartbeat = JSON.stringify({ type: 'heartbeat', session: session('a'), ...outbox, pending: 1, bytes: 10 });
    const bootId = '0f0e0d0c0b0a49888776655443322110';
    const known = { bootId, offsetUs: 1_790_000_000_000_000, source: 'gateway', errorUs: 900 };
    const clock = JSON.stringify({ type: 'clock', session: session('a'), ...known });
    await client.publishAsync(topic, heartbeat, { qos: 1 });
    await client.publishAsync(topic, clock, { qos: 1 });
    expect(new Map(events(test) as [string, string][])).toEqual(
      new Map([
        ['plant1/press-07/heartbeat/current', heartbeat],
        [`plant1/press-07/clock/${bootId}`, clock],
      ]),
    );
  });

  it('a catalogue that is not what its hash says, or of another device, is set aside', async () => {
    const test = await startGateway();
    const client = await connectDevice(test.port, press);
    await client.publishAsync(topic, birth('a', { hash: 'f'.repeat(32) }), { qos: 1 });
    const foreign = testCatalogue(['temp'], oven.site, oven.device);
    await client.publishAsync(topic, birth('a', { catalogue: foreign }), { qos: 1 });
    const reasons = test.memory.records('dead-letters').map(({ headers }) => headers!['reason']);
    expect(reasons).toEqual(['catalogue-hash', 'wrong-identity']);
    expect(events(test)).toEqual([]);
  });

  it('the birth is in the log before the packs that follow it, whatever happens to its append', async () => {
    const test = await startGateway();
    const client = await connectDevice(test.port, press);
    let failures = 2;
    test.log.fault = (name) =>
      name === 'device-events' && failures-- > 0 ? { error: new RetryableError('timeout', 'slow') } : undefined;
    await Promise.all([
      client.publishAsync(topic, birth('a'), { qos: 1 }),
      ...[0, 1, 2].map((seq) => client.publishAsync(dataTopic(press), packOf(press, seq), { qos: 1 })),
      client.publishAsync(
        mqttTopic(press, 'alert'),
        Buffer.from(
          encodeAlertPack({
            ...press,
            epoch: testEpoch,
            seq: 3,
            alerts: [
              {
                sensor: 'temp',
                rule: 'hot',
                state: 'raised',
                severity: 'warning',
                timeUs: outbox.timeUs,
                value: 90,
                threshold: 80,
                message: 'too hot',
              },
            ],
          }),
        ),
        { qos: 1 },
      ),
    ]);
    expect(test.log.appends.map(({ topic: name }) => name)).toEqual(['device-events', 'sensor-readings', 'alerts']);
    expect(test.gateway.status().messages).toEqual({ birth: 1, pack: 3, alert: 1 });
  });
});

describe('the last will', () => {
  const will = (digit: string) => ({ topic, payload: Buffer.from(offline(digit)), qos: 1 as const, retain: false });

  it('is stored when a device is lost, and not when it says goodbye', async () => {
    const test = await startGateway();
    const polite = await connectDevice(test.port, press, { will: will('a') });
    await polite.publishAsync(topic, birth('a'), { qos: 1 });
    await polite.endAsync();
    await waitFor('its end', 2000, () => test.gateway.status().connections === 0);
    const lost = await connectDevice(test.port, press, { will: will('b') });
    await lost.publishAsync(topic, birth('b'), { qos: 1 });
    lost.stream.destroy();
    await waitFor('the will', 2000, () => events(test).length === 5);
    expect(events(test)).toContainEqual(['plant1/press-07/offline/current', offline('b')]);
    expect(test.gateway.status()).toMatchObject({ heldMessages: 0, heldBytes: 0 });
  });

  it('of an older session than the newest birth is ignored', async () => {
    const test = await startGateway();
    const old = await connectDevice(test.port, press, { clientId: 'old', will: will('a') });
    await old.publishAsync(topic, birth('a'), { qos: 1 });
    const back = await connectDevice(test.port, press, { clientId: 'new', will: will('b') });
    await back.publishAsync(topic, birth('b'), { qos: 1 });
    old.stream.destroy();
    await waitFor('the will', 2000, () => test.gateway.status().messages['offline-ignored'] === 1);
    expect(events(test).map(([key]) => key)).not.toContain('plant1/press-07/offline/current');
  });

  it('comes behind everything that the lost connection had sent', async () => {
    const test = await startGateway();
    const client = await connectDevice(test.port, press, { will: will('a') });
    test.log.hold();
    for (let seq = 0; seq < 5; seq += 1) client.publish(dataTopic(press), packOf(press, seq), { qos: 1 });
    await waitFor('all held', 2000, () => test.gateway.status().heldMessages === 5);
    client.stream.destroy();
    await waitFor('the will', 2000, () => test.gateway.status().heldMessages === 6);
    test.log.release();
    await waitFor('the will in the log', 2000, () => events(test).length === 1);
    expect(test.log.appends.map(({ topic: name }) => name).at(-1)).toBe('device-events');
    expect(test.memory.records('sensor-readings')).toHaveLength(5);
  });

  it('is not stored because the gateway stops', async () => {
    const test = await startGateway();
    const client = await connectDevice(test.port, press, { will: will('a') });
    await client.publishAsync(topic, birth('a'), { qos: 1 });
    await test.gateway.stop(1000);
    expect(events(test).map(([key]) => key)).not.toContain('plant1/press-07/offline/current');
  });
});
