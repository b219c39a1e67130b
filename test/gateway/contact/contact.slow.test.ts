import { readFile } from 'node:fs/promises';
import { connect as connectTcp } from 'node:net';
import { connectAsync, type IClientOptions } from 'mqtt';
import { describe, expect, it } from 'vitest';
import { catalogueHash } from '../../../core/contract/catalogue.js';
import { mqttTopic } from '../../../core/contract/mqtt-topics.js';
import { deviceToken } from '../../../core/runtime/device-token.js';
import { judge } from '../../../cli/device-wait.js';
import type { ContactView } from '../../../gateway/contact/contact-door.js';
import { waitFor } from '../../servers/wait-for.js';
import { testCatalogue, testEpoch } from '../../support/packs.js';
import { tempDir } from '../../support/temp-dir.js';
import {
  connectDevice,
  dataTopic,
  packOf,
  press,
  RawSocket,
  secret,
  startGateway,
  type TestGateway,
} from '../harness.js';
import { CertificateMaker } from '../identity/certificate-maker.js';
import { operatorOf } from '../operator.js';

const long = 20_000;

async function contactOf(test: TestGateway) {
  const ask = await operatorOf(test.gateway);
  const contact = async () => (await ask('GET', '/devices/plant1/press-07/contact')).answer as unknown as ContactView;
  /** What `fieldline device wait` says. */
  const told = async () => judge(press, await contact(), undefined, 0);
  return { ask, contact, told };
}

async function openTls() {
  const maker = await CertificateMaker.in(await tempDir());
  const server = await maker.server('localhost');
  const files = { key: await maker.write('key.pem', server.key), cert: await maker.write('cert.pem', server.cert) };
  return { maker, test: await startGateway({ mqtt: { tls: files } }) };
}

function tryTls({ port }: TestGateway, options: IClientOptions): Promise<unknown> {
  const login = { username: 'plant1/press-07', password: deviceToken(secret, press), reconnectPeriod: 0 };
  return connectAsync(`mqtts://localhost:${port}`, { ...login, connectTimeout: long, ...options }, false);
}

describe('what the gateway tells of a device that has not come yet', () => {
  it('nothing, a wrong password, a log-in, a birth, data: the newest of these', async () => {
    const test = await startGateway();
    const { told, contact, ask } = await contactOf(test);
    expect(await told()).toMatchObject({ stage: 'nothing', text: expect.stringContaining('127.0.0.1') as string });
    for (let n = 0; n < 2; n += 1) await connectDevice(test.port, press, { password: 'wrong' }).catch(() => undefined);
    const refused = await told();
    expect([refused.stage, refused.text]).toEqual([
      'trouble',
      expect.stringMatching(/unauthorised.*2 times: log-in failed/),
    ]);
    const client = await connectDevice(test.port, press);
    await waitFor('the connection', long, async () => (await contact()).connected);
    const catalogue = testCatalogue(['temp'], press.site, press.device);
    const timeUs = Date.now() * 1000;
    const outbox = { session: 'a'.repeat(16), epoch: testEpoch, lastSeq: -1, oldestHeld: 0, timeUs };
    const birth = { type: 'birth', ...outbox, catalogueHash: catalogueHash(catalogue), catalogue, version: '1.2.3' };
    await client.publishAsync(mqttTopic(press, 'state'), JSON.stringify(birth), { qos: 1 });
    const born = await waitFor('the birth', long, async () => ((await told()).stage === 'born' ? told() : undefined));
    expect(born.text).toContain('is connected with 1.2.3');
    await client.publishAsync(dataTopic(press), packOf(press, 0), { qos: 1 });
    await waitFor('the data', long, async () => (await contact()).arrived?.packs === 1);
    expect((await told()).stage).toBe('stored');
    // Where a cloud is asked that has stored nothing, it is on its way, or waits there.
    const empty = { device: undefined, newestReadingUs: null };
    const now = await contact();
    expect(judge(press, now, empty, 0).stage).toBe('acknowledged');
    const later = { ...now, nowUs: now.nowUs + 60_000_000, birth: { ...now.birth!, clockAheadUs: -7_200_000_000 } };
    expect(judge(press, later, empty, 0)).toMatchObject({
      stage: 'parked',
      text: expect.stringContaining('off by 2 h') as string,
    });
    // Only what comes from now on.
    expect(judge(press, later, empty, later.nowUs).stage).toBe('born');
    expect((await ask('GET', '/devices/plant1/press-07/contact', undefined, 'no token')).status).toBe(401);
  });

  it('a certificate that the device does not trust, or that it takes for expired, and who speaks without TLS', async () => {
    const { maker, test } = await openTls();
    const other = await CertificateMaker.in(await tempDir(), 'Another Authority');
    await expect(tryTls(test, { ca: other.authority.certificatePem })).rejects.toThrow();
    const { contact, told } = await contactOf(test);
    // Node looks at the certificate at the end of the handshake, and only goes: before the gateway has it all, or after.
    const silent = await waitFor('the silent one', long, async () => (await contact()).strangers[0]);
    expect(['silent', 'tls']).toContain(silent.what);
    expect(await told()).toMatchObject({
      stage: 'trouble',
      text: expect.stringContaining('does not trust our certificate') as string,
    });
    const plain = connectTcp(test.port, '127.0.0.1').on('error', () => undefined);
    plain.end('GET / HTTP/1.0\r\n\r\n');
    const http = await waitFor('the other', long, async () =>
      (await contact()).strangers.find(({ detail }) => detail.includes('HTTP')),
    );
    expect(http.detail).toMatch(/^it speaks HTTP \(http request\)$/);
    const good = await tryTls(test, { ca: await readFile(maker.ca) });
    expect((good as { connected: boolean }).connected).toBe(true);
  });

  it('keeps so much, and no more', async () => {
    const test = await startGateway({ limits: { connectsPerSecond: 10_000 } });
    const { contact } = await contactOf(test);
    // One address, whatever it says: one entry of each kind.
    for (let n = 0; n < 20; n += 1) {
      const socket = await RawSocket.open(test.port);
      socket.socket.end();
      await waitFor('its end', long, () => socket.ended, 5);
    }
    await waitFor('all', long, async () => (await contact()).strangers[0]?.times === 20);
    expect((await contact()).strangers).toHaveLength(1);
  });
});
