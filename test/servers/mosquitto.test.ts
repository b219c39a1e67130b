import { connectAsync } from 'mqtt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { haveServers } from './ensure.js';
import { startMosquitto, type Mosquitto } from './mosquitto.js';

describe.skipIf(!(await haveServers('mosquitto')))('mosquitto', () => {
  let broker: Mosquitto;
  beforeAll(async () => {
    broker = await startMosquitto('max_inflight_messages 1');
  });
  afterAll(() => broker?.stop());

  test('a published message reaches a subscriber', async () => {
    const client = await connectAsync(broker.url);
    const received = new Promise<string>((resolve) => {
      client.on('message', (topic, payload) => resolve(`${topic} ${payload.toString()}`));
    });
    await client.subscribeAsync('fieldline/#', { qos: 1 });
    await client.publishAsync('fieldline/plant1/press-07/data', '[]', { qos: 1 });
    expect(await received).toBe('fieldline/plant1/press-07/data []');
    await client.endAsync();
  });

  test('a client that stays reconnects after kill -9 and a restart on the same port', async () => {
    const client = await connectAsync(broker.url, { reconnectPeriod: 50 });
    const again = new Promise((resolve) => client.once('connect', resolve));
    await broker.kill9();
    await broker.restart();
    await again;
    const acknowledged = await client.publishAsync('fieldline/plant1/press-07/data', '[]', { qos: 1 });
    await client.endAsync();
    expect(acknowledged).toBeDefined();
  });

  test('a configuration it refuses is told with its log', async () => {
    await expect(startMosquitto('no_such_setting 1')).rejects.toThrow('no_such_setting');
  });
});
