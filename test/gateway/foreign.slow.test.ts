import { generate } from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import { deviceEventKey, deviceStateSchema, type DeviceState } from '../../core/contract/device-events.js';
import { logTopics } from '../../core/contract/log-topics.js';
import { decodePack, type DecodedPack } from '../../core/contract/pack.js';
import { RetryableError } from '../../core/runtime/errors.js';
import { waitFor } from '../servers/wait-for.js';
import { birthOf } from './births.js';
import { connectDevice, press, RawSocket, startGateway, type GatewayOverrides, type TestGateway } from './harness.js';

const lines = { type: 'line-protocol', topics: ['telegraf/#'], writers: ['telegraf-1'], site: 'hall' };
const tasmota = { type: 'tasmota', writers: ['telegraf-1'], site: 'home' };
const waitMs = 20_000;

const start = (over: GatewayOverrides = {}) =>
  startGateway({ mqtt: { auth: 'none' }, sources: [lines, tasmota], foreign: { heartbeatMs: '100ms' }, ...over });
const connect = (port: number, name = 'telegraf-1', options = {}) =>
  connectDevice(port, press, { username: name, clientId: name, ...options });

const packs = ({ memory }: TestGateway): DecodedPack[] =>
  memory.records(logTopics.readings.name).map(({ value }) => decodePack(value));
const points = (test: TestGateway): string[] =>
  packs(test).flatMap(({ device, points: all }) =>
    all.map(({ sensor, value }) => `${device} ${sensor} ${String(value)}`),
  );
const letters = ({ memory }: TestGateway) => memory.records(logTopics.deadLetters.name);
const said = <Type extends DeviceState['type']>(test: TestGateway, type: Type) =>
  test.memory
    .records(logTopics.deviceEvents.name)
    .filter(({ key }) => key.includes(`/${type}/`))
    .map(({ value }) => deviceStateSchema.parse(JSON.parse(Buffer.from(value).toString())))
    .filter((state): state is Extract<DeviceState, { type: Type }> => state.type === type);
const publishBytes = (messageId: number, payload: string, dup = false) =>
  generate({ cmd: 'publish', topic: 'telegraf/x', payload, qos: 1, dup, retain: false, messageId });

describe('messages of foreign senders', () => {
  it('are acknowledged when the log has them, behind the announcement of their device', async () => {
    const test = await start();
    const client = await connect(test.port);
    test.log.hold();
    const publish = client.publishAsync('telegraf/a', 'm,host=h1 f=1 1790000000000000000\nm,host=h2 g=2', { qos: 1 });
    await waitFor('an append', waitMs, () => test.log.held > 0);
    expect(client.connected && test.memory.records(logTopics.readings.name)).toEqual([]);
    test.log.release();
    await publish;
    expect(points(test).sort()).toEqual(['h1 m.f 1', 'h2 m.g 2']);
    const known = new Set(said(test, 'birth').map(({ catalogueHash }) => catalogueHash));
    expect(packs(test).every(({ catalogue }) => known.has(catalogue))).toBe(true);
    const { readings, messages, foreignDevices } = test.gateway.status();
    expect(readings).toMatchObject({ in: 2, out: 2, dropped: 0, inFlight: 0 });
    expect({ messages, foreignDevices }).toEqual({ messages: { foreign: 1 }, foreignDevices: 2 });
  });

  it('of one sender stay in order, each device with numbers of its own, and heartbeats say how many there are', async () => {
    const test = await start();
    const client = await connect(test.port);
    const sent = Array.from({ length: 60 }, (_, i) =>
      client.publishAsync('telegraf/a', `m,host=h${i % 2} f=${i}i`, { qos: 1 }),
    );
    await Promise.all(sent);
    for (const device of ['h0', 'h1']) {
      const own = packs(test).filter((pack) => pack.device === device);
      expect(own.map(({ seq }) => seq)).toEqual(Array.from({ length: 30 }, (_, i) => i));
      expect(own.map(({ points: [point] }) => point!.value)).toEqual(own.map(({ seq }) => 2 * seq + Number(device[1])));
      expect(new Set(own.map(({ epoch }) => epoch)).size).toBe(1);
      const epoch = own[0]!.epoch;
      await waitFor('the heartbeat', waitMs, () =>
        said(test, 'heartbeat').some((beat) => beat.epoch === epoch && beat.lastSeq === 29),
      );
    }
  });

  it('wait until their announcement is in the log, also where that fails at first', async () => {
    const test = await start();
    let failures = 3;
    test.log.fault = (topic) => {
      if (topic !== logTopics.deviceEvents.name || failures === 0) return undefined;
      failures -= 1;
      // Twice the log does not get it; once it has it, and the answer is lost.
      return { error: new RetryableError('unavailable', 'away'), after: failures === 0 };
    };
    const client = await connect(test.port);
    const sent = [1, 2, 3].map((i) => client.publishAsync('telegraf/a', `m,host=h f=${i}`, { qos: 1 }));
    await Promise.all(sent);
    expect(failures).toBe(0);
    expect(points(test)).toEqual(['h m.f 1', 'h m.f 2', 'h m.f 3']);
    expect(packs(test).map(({ seq }) => seq)).toEqual([0, 1, 2]);
    const topics = test.log.appends.map(({ topic }) => topic);
    expect(topics.indexOf(logTopics.deviceEvents.name)).toBeLessThan(topics.indexOf(logTopics.readings.name));
  });

  it('that cannot be read become dead letters; of a batch the other lines are taken', async () => {
    const test = await start();
    const client = await connect(test.port);
    await client.publishAsync('telegraf/bad', 'no line', { qos: 1 });
    const batch = 'm,host=h f=1\nno line\nm,host=h f=2';
    await client.publishAsync('telegraf/mixed', batch, { qos: 1 });
    expect(points(test)).toEqual(['h m.f 1', 'h m.f 2']);
    expect(
      letters(test).map(({ key, value, headers }) => [key, Buffer.from(value).toString(), headers!['reason']]),
    ).toEqual([
      ['line-protocol/telegraf-1', 'no line', 'schema'],
      ['line-protocol/telegraf-1', batch, 'schema'],
    ]);
    expect(letters(test)[0]!.headers).toMatchObject({
      stage: 'gateway',
      source: 'telegraf/bad',
      intake: 'line-protocol',
      sender: 'telegraf-1',
    });
    expect(test.gateway.status().readings).toMatchObject({ in: 4, out: 2, reasons: { schema: 2 } });
    expect(client.connected).toBe(true);
  });

  it('that come again on their connection count once; the same content as a new publish counts again', async () => {
    const test = await start();
    const socket = await RawSocket.open(test.port);
    socket.write(generate({ cmd: 'connect', clientId: 'c', username: 'telegraf-1', keepalive: 60, clean: true }));
    await waitFor('the CONNACK', waitMs, () => socket.received.length >= 4);
    socket.write(publishBytes(1, 'm,host=h f=1'), publishBytes(1, 'm,host=h f=1', true));
    await waitFor('both PUBACKs', waitMs, () => socket.received.length >= 4 + 8);
    expect(points(test)).toEqual(['h m.f 1']);
    expect(test.gateway.status().messages).toEqual({ foreign: 1, 'foreign-repeated': 1 });
    socket.write(publishBytes(1, 'm,host=h f=1'), publishBytes(1, 'm,host=h f=2', true));
    await waitFor('four PUBACKs', waitMs, () => socket.received.length >= 4 + 16);
    expect(points(test)).toEqual(['h m.f 1', 'h m.f 1', 'h m.f 2']);
    const [first, second] = packs(test).map(({ points: [point] }) => point!.timeUs);
    expect(second).not.toBe(first);
  });

  it('say by a retained will that their device has gone', async () => {
    const test = await start();
    const will = { topic: 'tele/plug/LWT', payload: Buffer.from('Offline'), qos: 1 as const, retain: true };
    const client = await connect(test.port, 'telegraf-1', { will });
    await client.publishAsync('tele/plug/LWT', 'Online', { qos: 1, retain: true });
    expect(said(test, 'birth')).toHaveLength(1);
    client.stream.destroy();
    await waitFor('the will', waitMs, () => said(test, 'offline').length === 1);
    expect(said(test, 'offline')[0]!.session).toBe(said(test, 'birth')[0]!.session);
  });

  it('are taken from those who may write there, and from nobody else', async () => {
    const test = await startGateway({ sources: [lines] });
    const device = await connectDevice(test.port, press);
    device.publish('telegraf/a', 'm,host=h f=1', { qos: 1 });
    await waitFor('the end of the connection', waitMs, () => !device.connected);
    expect(test.gateway.status().refused).toEqual({ 'forbidden-topic': 1 });
    expect(points(test)).toEqual([]);
  });

  it('of devices that nobody adopted are set aside, or turned away', async () => {
    const test = await start({
      sources: [
        { ...lines, unknown: 'quarantine' },
        { ...tasmota, unknown: 'reject' },
      ],
    });
    const client = await connect(test.port);
    await client.publishAsync('telegraf/a', 'm,host=h f=1,g=2', { qos: 1 });
    await client.publishAsync('tele/plug/SENSOR', '{"ENERGY":{"Power":7}}', { qos: 1 });
    expect(points(test)).toEqual([]);
    // They are announced, so that they are listed and can be adopted.
    expect(said(test, 'birth')).toHaveLength(2);
    expect(letters(test).map(({ headers }) => headers!['reason'])).toEqual(['unknown-device']);
    expect(test.gateway.status().readings).toMatchObject({
      in: 3,
      out: 0,
      reasons: { 'unknown-device': 2, rejected: 1 },
    });
  });

  it('are taken once somebody adopted their device, and no more when it was retired', async () => {
    const test = await start({ sources: [{ ...lines, unknown: 'quarantine' }] });
    const client = await connect(test.port);
    const register = (device: string, state: string) => {
      const registration = { type: 'registration', state, sinceUs: 1, by: 'someone' };
      const key = deviceEventKey({ site: 'hall', device }, 'registration');
      return test.memory.append(logTopics.deviceEvents.name, [
        { key, value: Buffer.from(JSON.stringify(registration)) },
      ]);
    };
    const say = (device: string) => client.publishAsync('telegraf/a', `m,host=${device} f=1`, { qos: 1 });
    await register('h', 'adopted');
    await waitFor('a reading to be taken', waitMs, async () => {
      await say('h');
      return points(test).length > 0;
    });
    await register('h', 'retired');
    const reasons = () => letters(test).map(({ headers }) => headers!['reason']);
    await waitFor('a reading to be refused', waitMs, async () => {
      await say('h');
      return reasons().includes('device-retired');
    });
  });

  it('are not taken for a device that speaks for itself; another run goes on with the catalogue', async () => {
    const first = await start();
    const client = await connect(first.port);
    await client.publishAsync('telegraf/a', 'm,host=h f=1,g=2', { qos: 1 });
    await client.endAsync();
    await first.gateway.stop(2000);
    const beats = said(first, 'heartbeat');
    expect(beats.at(-1)).toMatchObject({ lastSeq: 0, pending: 0 });

    await first.memory.append(logTopics.deviceEvents.name, [birthOf({ site: 'hall', device: 'own' })]);
    const second = await start({ log: first.memory });
    const again = await connect(second.port);
    await again.publishAsync('telegraf/a', 'm,host=h g=3', { qos: 1 });
    await again.publishAsync('telegraf/a', 'm,host=own f=4', { qos: 1 });
    const [before, after] = packs(second);
    expect(points(second)).toEqual(['h m.f 1', 'h m.g 2', 'h m.g 3']);
    expect(after).toMatchObject({ seq: 0, catalogue: before!.catalogue });
    expect(after!.epoch).not.toBe(before!.epoch);
    expect(letters(second).map(({ headers }) => headers!['reason'])).toEqual(['own-device']);
  });
});
