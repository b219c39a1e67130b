import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { askCompleteness } from '../../cli/ask-completeness.js';
import { completenessSinceSchema } from '../../core/contract/rollout.js';
import { startApiLine } from '../cloud/serve/api-line.js';
import { CertificateMaker } from '../gateway/identity/certificate-maker.js';
import { rawPoint } from '../support/packs.js';
import { tempDir } from '../support/temp-dir.js';
import { TestDevice } from '../support/test-device.js';
import { startTlsProxy } from '../support/tls-proxy.js';
import { waitFor } from '../servers/wait-for.js';

const press = { site: 'plant1', device: 'press-07' };
const nowUs = Date.now() * 1000;

/** The cloud's API with three packs of a device, of which it says that it made five; before it a proxy. */
async function startCloud() {
  const line = await startApiLine();
  const device = new TestDevice(line.log);
  await device.announce();
  for (let n = 0; n < 3; n += 1) await device.send([rawPoint('temp', nowUs + n, n)]);
  device.nextSeq = 5;
  await device.beat(nowUs);
  await line.settled();
  await waitFor('the heartbeat', 5000, () => line.fleet.devices()[0]?.outbox()?.lastSeq === 4, 2);
  const maker = await CertificateMaker.in(await tempDir());
  const authorization = 'Bearer a word that only few know';
  const api = await startTlsProxy({ ...(await maker.server('127.0.0.1')), target: line.url, authorization });
  const authorizationFile = await maker.write('authorization', `${authorization}\n`);
  return { line, device, maker, api, authorizationFile };
}

describe('asking the cloud whether what a device sent is complete', () => {
  it('passes a proxy with TLS and a word, and hears what the cloud itself answers', async () => {
    const { line, device, maker, api, authorizationFile } = await startCloud();
    const ask = await askCompleteness({ api, caFile: maker.ca, authorizationFile });
    const since = { epoch: device.epoch, seq: 0 };
    const told = await ask(press, since);
    expect(told).toEqual({
      ...{ session: device.session, epoch: device.epoch, lastSeq: 4 },
      ...{ received: 2, expected: 4, firstMissing: 3, holds: false },
    });
    expect(told).toEqual(completenessSinceSchema.strict().parse(await line.api.completenessSince(press, since)));
    expect(await ask(press, { epoch: undefined, seq: -1 })).toMatchObject({ received: 3, expected: 5 });
    expect(await ask({ site: 'plant1', device: 'nobody' }, since)).toBeUndefined();
  });

  it('says what to set where the proxy is not believed, or does not believe', async () => {
    const { maker, api, authorizationFile } = await startCloud();
    const since = { epoch: undefined, seq: -1 };
    const asking = async (over: object) => (await askCompleteness({ api, ...over }))(press, since);
    await expect(asking({ authorizationFile })).rejects.toThrow(/an authority that is not known here.*rollout.caFile/);
    const other = await CertificateMaker.in(await tempDir());
    await expect(asking({ authorizationFile, caFile: other.ca })).rejects.toThrow(/not known here/);
    await expect(asking({ caFile: maker.ca })).rejects.toThrow(/answered 401: gateway.rollout.authorizationFile/);
    const stale = await maker.write('stale', 'Bearer of old');
    await expect(asking({ caFile: maker.ca, authorizationFile: stale })).rejects.toMatchObject({
      code: 'unauthorised',
    });
    await expect(askCompleteness({ api, caFile: authorizationFile })).rejects.toThrow(/no certificate in gateway/);
    // A word that was changed counts from the next question on.
    const ask = await askCompleteness({ api, caFile: maker.ca, authorizationFile: stale });
    await expect(ask(press, since)).rejects.toThrow(/401/);
    await maker.write('stale', 'Bearer a word that only few know');
    expect(await ask(press, since)).toMatchObject({ expected: 5 });
  });

  it('believes no other server that has no such device', async () => {
    const server = createServer((request, response) => {
      if (request.url?.includes('site=other')) response.writeHead(404).end('nothing here');
      else response.end('{"holds":true}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const ask = await askCompleteness({ api: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
    const since = { epoch: undefined, seq: -1 };
    await expect(ask({ site: 'other', device: 'x' }, since)).rejects.toThrow(/completeness answered 404: nothing here/);
    await expect(ask(press, since)).rejects.toThrow(/the answer of http/);
  });
});
