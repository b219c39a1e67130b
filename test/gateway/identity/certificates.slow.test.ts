import { rename, writeFile } from 'node:fs/promises';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { once } from 'node:events';
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt';
import { describe, expect, it, onTestFinished } from 'vitest';
import { deviceToken } from '../../../core/runtime/device-token.js';
import { createLogger } from '../../../core/runtime/logger.js';
import { waitFor } from '../../servers/wait-for.js';
import { tempDir } from '../../support/temp-dir.js';
import { dataTopic, packOf, press, secret, startGateway, type GatewayOverrides, type TestGateway } from '../harness.js';
import { CertificateMaker } from './certificate-maker.js';
import { ask } from './operator.js';

const name = 'plant1/press-07';
const long = 20_000;
interface KeyAndCert {
  readonly key: string;
  readonly cert: string;
}

async function open(tls: object = {}, over: GatewayOverrides = {}) {
  const maker = await CertificateMaker.in(await tempDir());
  const server = await maker.server('127.0.0.1');
  const files = { key: await maker.write('key.pem', server.key), cert: await maker.write('cert.pem', server.cert) };
  const test = await startGateway({ ...over, mqtt: { ...over.mqtt, tls: { ...files, ca: maker.ca, ...tls } } });
  return { test, maker, files };
}

async function connect(
  { port }: TestGateway,
  maker: CertificateMaker,
  shown: KeyAndCert | undefined,
  options: IClientOptions = {},
): Promise<MqttClient> {
  const { certificatePem: ca } = maker.authority;
  const settings = { ...shown, ca, clientId: 'tls', reconnectPeriod: 0, connectTimeout: long, ...options };
  const client = await connectAsync(`mqtts://127.0.0.1:${port}`, settings, false);
  client.on('error', () => undefined);
  onTestFinished(() => void client.end(true));
  return client;
}

/** Waits for the gateway to have refused something for the reason; the client may hear of it in many ways. */
async function refused(test: TestGateway, reason: string, attempt: Promise<MqttClient>): Promise<void> {
  await expect(attempt).rejects.toThrow();
  await waitFor(reason, long, () => Object.keys(test.gateway.status().refused).includes(reason));
}

describe('a device with a certificate', () => {
  it('needs no token and no user name; another user name is refused', async () => {
    const { test, maker } = await open();
    const shown = await maker.client(name);
    for (const options of [{}, { username: name }, { username: name, password: 'ignored' }]) {
      const client = await connect(test, maker, shown, options);
      await client.publishAsync(dataTopic(press), packOf(press, 0), { qos: 1 });
    }
    await refused(test, 'unauthorised', connect(test, maker, shown, { username: 'plant1/oven-02' }));
    await refused(test, 'unauthorised', connect(test, maker, shown, { username: 'press-07' }));
    expect(test.gateway.status().refused).toEqual({ unauthorised: 2 });
  });

  it('is refused without one, unless tokens are accepted beside them', async () => {
    const { test, maker } = await open();
    const byToken = { username: name, password: deviceToken(secret, press) };
    await refused(test, 'certificate', connect(test, maker, undefined, byToken));
    const { test: lenient, maker: other } = await open({ clients: 'accepted' });
    await connect(lenient, other, undefined, byToken);
    await connect(lenient, other, await other.client(name));
    await refused(lenient, 'unauthorised', connect(lenient, other, undefined, { username: name, password: 'x' }));
    await refused(lenient, 'bad-user-name', connect(lenient, other, undefined));
  });

  it('is refused with one that is not good', async () => {
    const { test, maker } = await open({ clients: 'accepted' });
    const stranger = await CertificateMaker.in(await tempDir(), 'Another Authority');
    const dayMs = 86_400_000;
    const bad: KeyAndCert[] = [
      await stranger.client(name),
      await maker.client(name, { nowMs: Date.now() - 5 * dayMs, days: 2 }),
      await maker.client(name, { nowMs: Date.now() + dayMs }),
      await maker.server('plant1.example'),
      await maker.client('plant1/*'),
      await maker.client('#'),
      await maker.client('plant1/press-07/data'),
      await maker.client('plant1/press\u000707'),
      await maker.client('plant1/press-07\nCN=plant1/oven-02'),
      await maker.client('plant1/oven-02, URI:plant1/press-07'),
      { key: maker.authority.keyPem, cert: maker.authority.certificatePem },
    ];
    for (const [i, shown] of bad.entries()) {
      await expect(connect(test, maker, shown, { username: name }), `certificate ${i}`).rejects.toThrow();
      await waitFor(`refusal ${i}`, long, () => (test.gateway.status().refused.certificate ?? 0) === i + 1);
    }
    await waitFor('the audit', long, () => test.memory.records('gateway-audit').length >= 10);
    expect(test.gateway.status().refused).toEqual({ certificate: bad.length });
  });

  it('shows what is no certificate, and the gateway goes on', async () => {
    const { test, maker } = await open();
    const socket = connectTls({
      host: '127.0.0.1',
      port: test.port,
      rejectUnauthorized: false,
    } satisfies ConnectionOptions);
    socket.on('error', () => undefined);
    await once(socket, 'secureConnect');
    socket.write('GET / HTTP/1.1\r\n\r\n');
    await waitFor('the end', long, () => socket.destroyed || socket.readableEnded || socket.closed);
    await connect(test, maker, await maker.client(name));
  });

  it('loses its session when it is revoked, and a certificate from before lets it in no more', async () => {
    const { test, maker } = await open();
    const before = await maker.client(name);
    const client = await connect(test, maker, before);
    await ask(test, 'DELETE', `devices/${name}/credentials`);
    await waitFor('the session to end', long, () => !client.connected);
    await refused(test, 'revoked', connect(test, maker, before));
    // Certificates tell whole seconds.
    const nextSecond = Math.floor(Date.now() / 1000) + 1;
    await waitFor('the next second', long, () => Date.now() / 1000 > nextSecond);
    await connect(test, maker, await maker.client(name));
  });

  it('one certificate is revoked, and the other is not', async () => {
    const { test, maker } = await open();
    const [lost, kept] = [await maker.client(name), await maker.client(name)];
    const answer = await ask(test, 'POST', `devices/${name}/credentials`, { certificate: lost.cert });
    expect(answer.status).toBe(201);
    const { id } = answer.body as { id: string };
    const [one, other] = [
      await connect(test, maker, lost, { clientId: 'a' }),
      await connect(test, maker, kept, { clientId: 'b' }),
    ];
    await ask(test, 'DELETE', `devices/${name}/credentials/${id}`);
    await waitFor('the session to end', long, () => !one.connected);
    expect(other.connected).toBe(true);
    await refused(test, 'revoked', connect(test, maker, lost));
    const known = await ask(test, 'POST', `devices/plant1/oven-02/credentials`, { certificate: kept.cert });
    expect(known).toMatchObject({ status: 400, body: { error: 'the certificate is that of plant1/press-07' } });
  });
});

describe('the certificate of the gateway', () => {
  /** The serial number of what the gateway shows now. */
  async function serial(port: number, ca: string): Promise<string> {
    const socket = connectTls({ host: '127.0.0.1', port, ca });
    socket.on('error', () => undefined);
    await once(socket, 'secureConnect');
    const found = socket.getPeerX509Certificate()!.serialNumber;
    socket.destroy();
    return found;
  }

  it('is another as soon as its files are, and connections live on; files that are no good change nothing', async () => {
    const lines: string[] = [];
    const logger = createLogger({ level: 'info', destination: { write: (line) => void lines.push(line) } });
    const { test, maker, files } = await open({ clients: 'accepted' }, { logger });
    const ca = maker.authority.certificatePem;
    const client = await connect(test, maker, await maker.client(name));
    const first = await serial(test.port, ca);

    const next = await maker.server('127.0.0.1');
    const stray = await maker.server('127.0.0.1');
    await writeFile(files.key, stray.key);
    await waitFor('the fault in the log', long, () => lines.join('').includes('cannot be used: the old stay'));
    expect(await serial(test.port, ca)).toBe(first);

    await writeFile(files.key, next.key);
    const aside = await maker.write('cert.new', next.cert);
    await rename(aside, files.cert);
    await waitFor('the new one', long, async () => (await serial(test.port, ca)) !== first);
    await client.publishAsync(dataTopic(press), packOf(press, 0), { qos: 1 });
    expect(client.connected).toBe(true);
    await connect(test, maker, await maker.client('plant1/oven-02'));
    const metrics = await test.registry.metrics();
    expect(metrics).toMatch(/fieldline_gateway_certificate_expires_seconds 1\d{9}/);
  });

  it('an authority that is replaced is believed no more', async () => {
    const { test, maker } = await open();
    const shown = await maker.client(name);
    await connect(test, maker, shown);
    const other = await CertificateMaker.in(await tempDir());
    await writeFile(maker.ca, other.authority.certificatePem);
    await waitFor('the refusal', long, async () => {
      const client = await connect(test, maker, shown).catch(() => undefined);
      client?.end(true);
      return client === undefined;
    });
    await connect(test, maker, await other.client(name));
  });
});

describe('nobody in particular', () => {
  it('is let in where the configuration says so, and no two share a name', async () => {
    const test = await startGateway({
      mqtt: { auth: 'none', anonymous: true, acl: 'open' },
      limits: { maxDeviceConnections: 1 },
    });
    const open = (clientId: string) =>
      connectAsync(`mqtt://127.0.0.1:${test.port}`, { clientId, reconnectPeriod: 0, connectTimeout: long });
    const clients = [await open('a'), await open('b')];
    onTestFinished(() => clients.forEach((client) => client.end(true)));
    const [granted] = await clients[0]!.subscribeAsync('anything/#', { qos: 1 });
    expect(granted).toMatchObject({ qos: 1 });
    expect(clients.map(({ connected }) => connected)).toEqual([true, true]);
  });

  it('is not, where others must show who they are', async () => {
    await expect(startGateway({ mqtt: { anonymous: true } })).rejects.toMatchObject({ code: 'bad-config' });
    const beyond = startGateway({ mqtt: { host: '0.0.0.0', auth: 'none', anonymous: true } });
    await expect(beyond).rejects.toMatchObject({ code: 'bad-config' });
  });
});
