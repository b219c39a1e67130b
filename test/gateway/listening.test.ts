import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { connectAsync } from 'mqtt';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseConfig, type ConfigError } from '../../core/runtime/config.js';
import { deviceToken } from '../../core/runtime/device-token.js';
import { createLogger } from '../../core/runtime/logger.js';
import { gatewayConfigSchema } from '../../gateway/main.js';
import { freePort } from '../servers/free-port.js';
import { waitFor } from '../servers/wait-for.js';
import { connectDevice, dataTopic, packOf, press, RawSocket, secret, startGateway } from './harness.js';
import { connectPacket } from './mqtt-bytes.js';

const tlsFile = (name: string): string => fileURLToPath(new URL(`../fixtures/tls/${name}`, import.meta.url));
const tls = { key: tlsFile('gateway-key.pem'), cert: tlsFile('gateway-cert.pem') };

function capture() {
  const lines: string[] = [];
  return { lines, logger: createLogger({ level: 'info', destination: { write: (line) => void lines.push(line) } }) };
}

describe('where the gateway listens', () => {
  it('says what to do when the port is in use', async () => {
    const taken = createServer().listen(await freePort(), '127.0.0.1');
    await once(taken, 'listening');
    onTestFinished(() => void taken.close());
    const { port } = taken.address() as { port: number };
    await expect(startGateway({ mqtt: { port } })).rejects.toMatchObject({
      name: 'FatalError',
      code: 'port-in-use',
      message: `The MQTT port 127.0.0.1:${port} is in use: another gateway or broker listens there. Stop it, or set gateway.mqtt.port to a free port.`,
    });
  });

  it('is only loopback, without TLS and tokens or the word insecure', async () => {
    const beyond = { host: '0.0.0.0' };
    await expect(startGateway({ mqtt: beyond })).rejects.toMatchObject({ code: 'bad-config' });
    await expect(startGateway({ mqtt: { ...beyond, tls, auth: 'none' } })).rejects.toMatchObject({
      code: 'bad-config',
    });
    await startGateway({ mqtt: { ...beyond, tls } });
    const { lines, logger } = capture();
    await startGateway({ mqtt: { ...beyond, insecure: true }, logger });
    expect(lines.join()).toContain('MQTT is served without TLS');
  });

  it('speaks TLS with a certificate', async () => {
    const test = await startGateway({ mqtt: { tls } });
    const client = await connectAsync(`mqtts://127.0.0.1:${test.port}`, {
      username: 'plant1/press-07',
      password: deviceToken(secret, press),
      ca: readFileSync(tls.cert),
      reconnectPeriod: 0,
    });
    onTestFinished(() => void client.end(true));
    await client.publishAsync(dataTopic(press), packOf(press, 0, 2000), { qos: 1 });
    expect(test.memory.records('sensor-readings')).toHaveLength(1);
    const plain = await RawSocket.open(test.port);
    plain.write(connectPacket({ device: press, password: deviceToken(secret, press) }));
    await waitFor('the end', 2000, () => plain.ended);
    expect(test.gateway.status().refused).toEqual({ tls: 1 });
  });

  it('refuses files that are no certificate', async () => {
    const start = startGateway({ mqtt: { tls: { ...tls, cert: tls.key } } });
    await expect(start).rejects.toMatchObject({ code: 'bad-config' });
    const missing = startGateway({ mqtt: { tls: { ...tls, key: '/nowhere' } } });
    await expect(missing).rejects.toThrow(/TLS files .* ENOENT/);
  });

  it('believes user names only if told to', async () => {
    const { lines, logger } = capture();
    const test = await startGateway({ mqtt: { auth: 'none' }, logger });
    expect(lines.join()).toContain('without TLS and without passwords');
    const client = await connectDevice(test.port, press, { password: undefined });
    await client.publishAsync(dataTopic(press), packOf(press, 0), { qos: 1 });
    const nobody = await RawSocket.open(test.port);
    nobody.write(connectPacket({}));
    await waitFor('the refusal', 2000, () => nobody.received[3] === 4);
  });

  it('starts again after its stop', async () => {
    const test = await startGateway({ mqtt: { port: await freePort() } });
    await test.gateway.start();
    await test.gateway.stop(100);
    await test.gateway.stop(100);
    await test.gateway.start();
    const client = await connectDevice(test.gateway.address().port, press);
    await client.publishAsync(dataTopic(press), packOf(press, 0), { qos: 1 });
  });
});

describe('the configuration', () => {
  it('has defaults for all', () => {
    expect(gatewayConfigSchema.parse({})).toMatchObject({
      mqtt: { host: '127.0.0.1', port: 1883, auth: 'token', insecure: false },
      limits: { maxPayloadBytes: 1024 * 1024 },
    });
  });

  it('names all faults', () => {
    const text = 'mqtt:\n  port: 70000\n  prot: 1\nlimits:\n  maxDeviceHeldBytes: 1048576\n';
    const faults = (() => {
      try {
        return parseConfig(gatewayConfigSchema, text, 'f.yaml');
      } catch (error) {
        return (error as ConfigError).faults.map(({ line, path }) => [line, path]);
      }
    })();
    expect(faults).toEqual([
      [2, 'mqtt.port'],
      [3, 'mqtt.prot'],
      [5, 'limits.maxDeviceHeldBytes'],
    ]);
  });
});
