import { once } from 'node:events';
import { createServer } from 'node:net';
import { Aedes } from 'aedes';
import { expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { systemClock } from '../../../../core/runtime/clock.js';
import { silentLogger } from '../../../../core/runtime/logger.js';
import { mqttInDriver } from '../../../../edge/sensors/mqtt-in/driver.js';
import type { MqttInSensor } from '../../../../edge/sensors/mqtt-in.js';
import { freePort } from '../../../servers/free-port.js';

// mosquitto answers every subscription with yes and sends nothing; this broker says no, as MQTT 3.1.1 has it.
async function sensorOf(topics: readonly string[]): Promise<MqttInSensor> {
  const broker = await Aedes.createBroker({
    authorizeSubscribe: (_client, subscription, done) =>
      done(null, subscription.topic === 'mine' ? subscription : null),
  });
  const server = createServer(broker.handle.bind(broker));
  const port = await freePort();
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const channels = topics.map((topic) => ({ name: topic, quantity: 'q', unit: '/', topic }));
  const parsed = z.strictObject(mqttInDriver.shape).parse({ url: `mqtt://127.0.0.1:${port}`, channels });
  const sensor = mqttInDriver.create(parsed, { clock: systemClock, logger: silentLogger });
  onTestFinished(async () => {
    await sensor.stop();
    server.close();
    await new Promise<void>((resolve) => broker.close(resolve));
  });
  return sensor;
}

it('is refused if the broker refuses every subscription', async () => {
  const sensor = await sensorOf(['theirs', 'others']);
  await expect(sensor.start()).rejects.toMatchObject({ name: 'RetryableError', code: 'unauthorised' });
});

it('hears the topics that it may beside those that it may not', async () => {
  const sensor = await sensorOf(['theirs', 'mine']);
  await sensor.start();
  expect(await sensor.read()).toEqual([]);
});
