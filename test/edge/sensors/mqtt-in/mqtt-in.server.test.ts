import { pbkdf2Sync, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectAsync, type MqttClient } from 'mqtt';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Reading } from '../../../../core/contract/reading.js';
import { systemClock } from '../../../../core/runtime/clock.js';
import { silentLogger } from '../../../../core/runtime/logger.js';
import { mqttInDriver } from '../../../../edge/sensors/mqtt-in/driver.js';
import type { MqttInSensor } from '../../../../edge/sensors/mqtt-in.js';
import type { Sensor } from '../../../../edge/sensors/sensor.js';
import { sensorFailureSuite, sensorSuite, type BreakableSensor } from '../../../contracts/sensor-suite.js';
import { haveServers } from '../../../servers/ensure.js';
import { freePort } from '../../../servers/free-port.js';
import { startMosquitto, type Mosquitto } from '../../../servers/mosquitto.js';
import { startTcpProxy } from '../../../servers/tcp-proxy.js';
import { waitFor } from '../../../servers/wait-for.js';
import { tasmotaSensor, zigbeeClimate } from './payloads.js';

const temp = { name: 'temp', quantity: 'temperature', unit: 'Cel', topic: 'zigbee2mqtt/kitchen', path: 'temperature' };
const power = { name: 'power', quantity: 'power', unit: 'W', topic: 'tele/washer/SENSOR', path: 'ENERGY.Power' };

describe.skipIf(!(await haveServers('mosquitto')))('mqtt-in at a mosquitto', () => {
  let broker: Mosquitto;
  let device: MqttClient;
  const cleanUps: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    broker = await startMosquitto();
  });
  afterAll(() => broker?.stop());
  beforeEach(async () => {
    device = await connectAsync(broker.url, { reconnectPeriod: 20 });
  });
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0)) await cleanUp();
    await device.endAsync(true);
  });

  function sensorOf(options: object = {}): MqttInSensor {
    const given = { url: broker.url, reconnectMs: '50ms', channels: [temp, power], ...options };
    const parsed = z.strictObject(mqttInDriver.shape).parse(given);
    const sensor = mqttInDriver.create(parsed, { clock: systemClock, logger: silentLogger });
    cleanUps.push(() => sensor.stop());
    return sensor;
  }

  const say = (topic: string, payload: unknown, retain = false) =>
    device.publishAsync(topic, typeof payload === 'string' ? payload : JSON.stringify(payload), { qos: 1, retain });

  /** Reads until there are `count` readings. */
  async function readings(sensor: Sensor, count: number): Promise<Reading[]> {
    const all: Reading[] = [];
    const probe = async () => {
      all.push(...(await sensor.read()));
      return all.length >= count && all;
    };
    return waitFor(`${count} readings`, 10_000, probe, 5);
  }

  /** A source that speaks by itself, made to speak at each read, so that the suite sees what every Sensor promises. */
  function breakable(): Promise<BreakableSensor> {
    const inner = sensorOf();
    let broken = false;
    const sensor: Sensor = {
      get channels() {
        return inner.channels;
      },
      start: () => inner.start(),
      stop: () => inner.stop(),
      read: async () => {
        if (!device.connected) return inner.read();
        await say('tele/washer/SENSOR', tasmotaSensor);
        await say('zigbee2mqtt/kitchen', broken ? '{"temperature":' : zigbeeClimate);
        return readings(inner, broken ? 1 : 2);
      },
    };
    return Promise.resolve({
      sensor,
      breakChannel: () => {
        broken = true;
        return Promise.resolve('temp');
      },
      setPresent: async (present) => {
        if (!present) {
          await broker.kill9();
          await waitFor('the connection to end', 10_000, () => !device.connected);
          await waitFor('the sensor to notice', 10_000, () =>
            inner.read().then(
              () => false,
              () => true,
            ),
          );
          return;
        }
        await broker.restart();
        await waitFor('a connection', 10_000, () => device.connected);
      },
    });
  }
  sensorSuite('mqtt-in', breakable);
  sensorFailureSuite('mqtt-in', breakable);

  it('keeps what came between two reads, in order and with the stamps of its arrival', async () => {
    const sensor = sensorOf();
    await sensor.start();
    const fromUs = systemClock.nowUs();
    for (let i = 0; i < 50; i += 1) await say('zigbee2mqtt/kitchen', { temperature: i });
    const all = await readings(sensor, 50);
    expect(all.map(({ value }) => value)).toEqual(Array.from({ length: 50 }, (_, i) => i));
    const stamps = all.map(({ timeUs }) => timeUs);
    expect(stamps).toEqual(stamps.toSorted((a, b) => a - b));
    expect(stamps[0]).toBeGreaterThanOrEqual(fromUs);
    expect(sensor.takeDropped().size).toBe(0);
  });

  it('receives each message once where filters cover each other', async () => {
    const any = { ...power, name: 'any', topic: 'tele/#', merge: true };
    const sensor = sensorOf({ channels: [power, any, temp] });
    await sensor.start();
    await say('tele/washer/SENSOR', tasmotaSensor);
    await say('zigbee2mqtt/kitchen', zigbeeClimate);
    const names = (await readings(sensor, 3)).map(({ sensor: name }) => name);
    expect(names).toEqual(['power', 'any', 'temp']);
  });

  it('counts retained messages and takes none, but what is retained while it listens', async () => {
    await say('zigbee2mqtt/kitchen', zigbeeClimate, true);
    const sensor = sensorOf();
    await sensor.start();
    await say('tele/washer/SENSOR', tasmotaSensor);
    expect((await readings(sensor, 1)).map(({ sensor: name }) => name)).toEqual(['power']);
    expect([...sensor.takeDropped()]).toEqual([['retained', 1]]);
    // To one who is subscribed already it comes as a live message.
    await say('zigbee2mqtt/kitchen', zigbeeClimate, true);
    expect((await readings(sensor, 1)).map(({ sensor: name }) => name)).toEqual(['temp']);
    await say('zigbee2mqtt/kitchen', '', true);
  });

  it('takes a retained one as uncertain if told to', async () => {
    await say('zigbee2mqtt/kitchen', zigbeeClimate, true);
    const sensor = sensorOf({ retained: 'uncertain' });
    await sensor.start();
    expect(await readings(sensor, 1)).toMatchObject([{ sensor: 'temp', value: 21.57, quality: 'uncertain' }]);
    await say('zigbee2mqtt/kitchen', '', true);
  });

  it('hands over what came before kill -9 of the broker, says that it is away, and hears again after its restart', async () => {
    const sensor = sensorOf();
    await sensor.start();
    await say('zigbee2mqtt/kitchen', { temperature: 1 });
    const before = await readings(sensor, 1);
    await say('zigbee2mqtt/kitchen', { temperature: 2 });
    await broker.kill9();
    const reason = await waitFor('an error', 10_000, async () => {
      try {
        before.push(...(await sensor.read()));
        return undefined;
      } catch (error) {
        return error as Error;
      }
    });
    expect(reason).toMatchObject({ name: 'RetryableError', code: 'unavailable' });
    expect(before.map(({ value }) => value)).toEqual([1, 2]);
    await expect(sensor.start()).rejects.toMatchObject({ name: 'RetryableError', code: 'unavailable' });
    await broker.restart();
    await waitFor('a start', 10_000, () => sensor.start().then(() => true));
    await waitFor('a connection', 10_000, () => device.connected);
    await say('zigbee2mqtt/kitchen', { temperature: 3 });
    expect((await readings(sensor, 1)).map(({ value }) => value)).toEqual([3]);
  });

  it('notices a broker that stands still, also when it should accept, and hears it when it goes on', async () => {
    const proxy = await startTcpProxy({ target: broker.port });
    cleanUps.push(() => proxy.stop());
    const url = `mqtt://127.0.0.1:${proxy.port}`;
    const sensor = sensorOf({ url, keepaliveMs: '1s', connectTimeoutMs: '200ms' });
    await waitFor('a start', 10_000, () => sensor.start().then(() => true));
    await say('zigbee2mqtt/kitchen', { temperature: 1 });
    await readings(sensor, 1);
    proxy.stall();
    await waitFor('an error', 10_000, () =>
      sensor.read().then(
        () => false,
        () => true,
      ),
    );
    await expect(sensor.start()).rejects.toMatchObject({ name: 'RetryableError', code: 'unavailable' });
    proxy.heal();
    await waitFor('a start', 10_000, () => sensor.start().then(() => true));
    await say('zigbee2mqtt/kitchen', { temperature: 2 });
    expect((await readings(sensor, 1)).map(({ value }) => value)).toEqual([2]);
  });

  it('is bounded: the oldest give way, and are counted', async () => {
    const sensor = sensorOf({ maxBufferedReadings: 10 });
    await sensor.start();
    for (let i = 0; i < 100; i += 1) await say('zigbee2mqtt/kitchen', { temperature: i });
    await waitFor('the last', 10_000, () => {
      const { buffer } = sensor as unknown as { buffer: { readings: Reading[] } };
      return buffer.readings.at(-1)?.value === 99;
    });
    expect((await sensor.read()).map(({ value }) => value)).toEqual(Array.from({ length: 10 }, (_, i) => 90 + i));
    expect([...sensor.takeDropped()]).toEqual([['buffer-full', 90]]);
  });
});

/** As mosquitto_passwd writes it. */
function hashOf(password: string): string {
  const salt = randomBytes(12);
  return `$7$101$${salt.toString('base64')}$${pbkdf2Sync(password, salt, 101, 64, 'sha512').toString('base64')}`;
}

describe.skipIf(!(await haveServers('mosquitto')))('mqtt-in at a mosquitto that asks who it is', () => {
  let folder: string;
  let broker: Mosquitto;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fieldline-mqtt-in-'));
    writeFileSync(join(folder, 'passwords'), `reader:${hashOf('secret')}\n`);
    writeFileSync(join(folder, 'secret'), 'secret\n');
    const conf = `allow_anonymous false\npassword_file ${folder}/passwords`;
    broker = await startMosquitto(conf);
  });
  afterAll(async () => {
    await broker?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function startOf(options: object): Promise<void> {
    const given = { url: broker.url, channels: [temp], ...options };
    const sensor = mqttInDriver.create(z.strictObject(mqttInDriver.shape).parse(given), {
      clock: systemClock,
      logger: silentLogger,
    });
    await sensor.start().finally(() => sensor.stop());
  }

  it('takes the password of a file', () => startOf({ username: 'reader', passwordFile: join(folder, 'secret') }));

  it.each([{}, { username: 'reader' }, { username: 'reader', password: 'wrong' }])(
    'is refused with %j',
    async (options) => {
      await expect(startOf(options)).rejects.toMatchObject({ name: 'RetryableError', code: 'unauthorised' });
    },
  );

  it('says so if a file is missing', async () => {
    const missing = startOf({ username: 'reader', passwordFile: join(folder, 'nothing') });
    await expect(missing).rejects.toMatchObject({ name: 'FatalError', code: 'bad-config' });
  });
});

describe.skipIf(!(await haveServers('mosquitto')))('mqtt-in over TLS', () => {
  let port: number;
  const pem = (name: string) => fileURLToPath(new URL(`../../../fixtures/tls/${name}`, import.meta.url));
  let broker: Mosquitto;
  beforeAll(async () => {
    port = await freePort();
    const files = `certfile ${pem('gateway-cert.pem')}\nkeyfile ${pem('gateway-key.pem')}`;
    broker = await startMosquitto(`listener ${port} 127.0.0.1\n${files}`);
  });
  afterAll(() => broker?.stop());

  it.each([
    ['trusts the authority it was given', { caFile: pem('gateway-cert.pem') }, undefined],
    ['trusts no other', {}, { name: 'RetryableError', code: 'unavailable' }],
  ])('%s', async (_, options, failure) => {
    const given = { url: `mqtts://localhost:${port}`, channels: [temp], ...options };
    const parts = { clock: systemClock, logger: silentLogger };
    const sensor = mqttInDriver.create(z.strictObject(mqttInDriver.shape).parse(given), parts);
    const started = sensor.start().finally(() => sensor.stop());
    if (failure) await expect(started).rejects.toMatchObject(failure);
    else await started;
  });
});
