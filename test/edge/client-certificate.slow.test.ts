import { writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { clientCertificate } from '../../edge/client-certificate.js';
import { edgeConfigSchema } from '../../edge/config.js';
import { Connection, type ConnectionOptions } from '../../edge/uplink/connection.js';
import { mqttTopic } from '../../core/contract/mqtt-topics.js';
import { CertificateMaker } from '../gateway/identity/certificate-maker.js';
import { packOf, press, startGateway } from '../gateway/harness.js';
import { tempDir } from '../support/temp-dir.js';

const url = 'mqtts://localhost:8883';

it('reads certificate and key anew for each connection, and says at the start if they are none', async () => {
  const maker = await CertificateMaker.in(await tempDir());
  const [first, second] = [await maker.client('plant1/press-07'), await maker.client('plant1/press-07')];
  const certFile = await maker.write('cert.pem', first.cert);
  const keyFile = await maker.write('key.pem', first.key);
  const { clientCertificate: load } = clientCertificate({ url, certFile, keyFile });
  expect(load?.()).toEqual(first);
  await writeFile(keyFile, second.key);
  expect(load).toThrow(/not that of the certificate/);
  await writeFile(certFile, second.cert);
  expect(load?.()).toEqual(second);
  expect(clientCertificate({ url })).toEqual({});
  const missing = { url, certFile, keyFile: '/nowhere.pem' };
  expect(() => clientCertificate(missing)).toThrow(expect.objectContaining({ code: 'bad-config' }));
});

it('is configured as a pair, and for TLS', () => {
  const faults = (gateway: object) =>
    edgeConfigSchema
      .safeParse({ site: 'plant1', device: 'press-07', gateway })
      .error?.issues.map(({ path }) => path.join('.')) ?? [];
  expect(faults({ url, certFile: 'c', keyFile: 'k' })).toEqual([]);
  expect(faults({ url, certFile: 'c' })).toEqual(['gateway.keyFile']);
  expect(faults({ url: 'mqtt://x', certFile: 'c', keyFile: 'k' })).toEqual(['gateway.certFile']);
});

it.each([
  ['by the clock of the system', undefined],
  ['by what is known of the time', { timeUs: 1000, exact: false }],
])('lets the device in without a token, the gateway verified %s', async (_name, time) => {
  const maker = await CertificateMaker.in(await tempDir());
  const server = await maker.server('127.0.0.1');
  const tls = {
    key: await maker.write('k.pem', server.key),
    cert: await maker.write('c.pem', server.cert),
    ca: maker.ca,
  };
  const test = await startGateway({ mqtt: { tls } });
  const options: ConnectionOptions = {
    url: `mqtts://127.0.0.1:${test.port}`,
    username: 'plant1/press-07',
    password: undefined,
    clientId: 'press-07',
    keepaliveSeconds: 30,
    connectTimeoutMs: 20_000,
    ca: maker.authority.certificatePem,
    ...(await maker.client('plant1/press-07')),
    time,
    will: { topic: mqttTopic(press, 'state'), payload: Buffer.from('{}') },
    onMessage: () => undefined,
    nowMs: () => performance.now(),
    signal: new AbortController().signal,
  };
  const connection = await Connection.open(options);
  await connection.publish(mqttTopic(press, 'data'), packOf(press, 0));
  expect(test.memory.records('sensor-readings')).toHaveLength(1);
  await connection.end();
});
