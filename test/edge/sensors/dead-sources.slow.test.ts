import { expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../../core/runtime/clock.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import { edgeConfigSchema } from '../../../edge/config.js';
import { createSensor } from '../../../edge/sensors/registry.js';
import { waitFor } from '../../servers/wait-for.js';
import { testAgent } from '../agent/fakes.js';
import { DeviceTables, startModbusServer, startRawServer } from './modbus/device.js';

it('a source whose server hangs, ends, or is not there costs the readings of another nothing', async () => {
  const tables = new DeviceTables();
  tables.holding.set(0, 7);
  const sound = await startModbusServer(tables);
  const hanging = await startRawServer(() => undefined);
  const ending = await startRawServer((_, socket) => socket.end());
  onTestFinished(async () => {
    for (const server of [sound, hanging, ending]) await server.stop();
  });
  const about = { quantity: 'q', unit: '/' };
  const register = (name: string) => [{ name, ...about, address: 0 }];
  const local = { host: '127.0.0.1' };
  const sources = [
    { name: 'sound', driver: 'modbus-tcp', ...local, port: sound.port, channels: register('live') },
    { name: 'modbus-hangs', driver: 'modbus-tcp', ...local, port: hanging.port, channels: register('a') },
    { name: 'modbus-ends', driver: 'modbus-tcp', ...local, port: ending.port, channels: register('b') },
    { name: 'no-bus', driver: 'modbus-rtu', path: '/dev/no-such-tty', channels: register('c') },
    {
      name: 'http-hangs',
      driver: 'http',
      url: `http://127.0.0.1:${hanging.port}/`,
      channels: [{ name: 'd', ...about, path: 'd' }],
    },
    {
      name: 'broker-hangs',
      driver: 'mqtt-in',
      url: `mqtt://127.0.0.1:${hanging.port}`,
      channels: [{ name: 'e', ...about, topic: 'e' }],
    },
  ];
  const agent = agentOf(sources);
  // A busy machine misses ticks by itself: those that this one misses, too.
  const alone = agentOf(sources.slice(0, 1));
  const starting = Promise.all([agent.start(), alone.start()]);
  const of = (name: string, at = agent) => at.status().sensors.find((each) => each.name === name)!;
  await waitFor('60 readings of the sound one', 20_000, () => of('sound').readings >= 60);
  await waitFor('the failures of the others', 20_000, () =>
    agent.status().sensors.every(({ name, failures }) => name === 'sound' || failures > 0),
  );
  await starting;
  const { missed, failures, lastError } = of('sound');
  expect({ failures, lastError }).toEqual({ failures: 0, lastError: undefined });
  // Waiting for a single timeout of the others would miss fifteen ticks.
  expect(missed).toBeLessThan(of('sound', alone).missed + 15);
  expect(
    agent
      .status()
      .sensors.filter(({ readings }) => readings > 0)
      .map(({ name }) => name),
  ).toEqual(['sound']);
  await Promise.all([agent.stop(2000), alone.stop(2000)]);
});

function agentOf(sources: readonly object[]) {
  const config = edgeConfigSchema.parse({
    ...{ site: 'plant1', device: 'press-07' },
    sensors: sources.map((source) => ({ ...source, intervalMs: '20ms', timeoutMs: '300ms' })),
  });
  const parts = { clock: systemClock, logger: silentLogger };
  const sensors = config.sensors.map((entry) => ({
    name: entry.name!,
    sensor: createSensor(entry.driver, entry, parts),
    intervalMs: entry.intervalMs,
    timeoutMs: entry.timeoutMs,
  }));
  return testAgent(systemClock, { sensors }).agent;
}
