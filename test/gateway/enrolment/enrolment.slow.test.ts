import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { auditEntrySchema, type AuditEntry } from '../../../core/contract/audit.js';
import { mqttTopic } from '../../../core/contract/mqtt-topics.js';
import { systemClock } from '../../../core/runtime/clock.js';
import { deviceToken } from '../../../core/runtime/device-token.js';
import { RetryableError } from '../../../core/runtime/errors.js';
import { waitFor } from '../../servers/wait-for.js';
import { MemoryLog } from '../../support/memory-log.js';
import { dataTopic, oven, packOf, press, secret, startGateway, type TestGateway } from '../harness.js';
import { ask } from '../identity/operator.js';
import {
  askerOf,
  connectEnrolling,
  connectTls,
  enrolled,
  long,
  owner,
  startEnrolment,
  stateOf,
  tokenFor,
} from './enrolling.js';

const audit = ({ memory }: TestGateway): AuditEntry[] =>
  memory.records('gateway-audit').map(({ value }) => auditEntrySchema.parse(JSON.parse(Buffer.from(value).toString())));

const refusedFor = (test: TestGateway, reason: string) =>
  waitFor(reason, long, () => Object.keys(test.gateway.status().refused).includes(reason));

describe('an enrolment token', () => {
  it('gives a certificate for the key that asked, which lets the device in and ends the token', async () => {
    const test = await startEnrolment();
    const { id, token } = await tokenFor(test);
    const pair = await enrolled(test, token);
    const certificate = new X509Certificate(pair.cert);
    expect(certificate.subjectAltName).toBe(`URI:${owner(press)}`);
    expect(Date.parse(certificate.validFrom)).toBeLessThan(Date.now() - 60_000);
    expect(await stateOf(test, press, id)).toBe('bound');

    const client = await connectTls(test, pair);
    expect(await stateOf(test, press, id)).toBe('bound');
    await client.publishAsync(dataTopic(press), packOf(press, 0), { qos: 1 });
    await waitFor('the end of the token', long, async () => (await stateOf(test, press, id)) === 'used');
    expect(test.memory.records('sensor-readings')).toHaveLength(1);

    const late = await askerOf().ask(await connectEnrolling(test, token));
    expect(late).toMatchObject({
      type: 'refused',
      reason: expect.stringContaining('was used already'),
      mayRetry: false,
    });
    expect(JSON.stringify((await ask(test, 'GET', `devices/${owner(press)}/enrolment`)).body)).not.toMatch(
      /scrypt|hash|fle_/,
    );
    await waitFor('the audit', long, () =>
      audit(test).some(({ what, outcome }) => what === 'enrol' && outcome === 'refused'),
    );
    expect(audit(test).map(({ what, outcome }) => `${what} ${outcome}`)).toEqual(
      expect.arrayContaining(['credential-made done', 'enrol done', 'credential-revoked done', 'enrol refused']),
    );
    expect(await test.registry.metrics()).toContain('fieldline_gateway_enrolments_total{outcome="spoken"} 1');
  });

  it('lets its holder ask, and do nothing else', async () => {
    const test = await startEnrolment();
    const { token } = await tokenFor(test);
    const connected = () => connectEnrolling(test, token);
    const [granted] = await (
      await connected()
    )
      .subscribeAsync(mqttTopic(press, 'command', '+'), { qos: 1 })
      .catch(() => [{ qos: 128 }]);
    expect(granted!.qos).toBe(128);
    for (const filter of ['#', mqttTopic(press, 'config'), mqttTopic(oven, 'enrolled'), 'fieldline/+/+/enrolled']) {
      const [refused] = await (await connected()).subscribeAsync(filter, { qos: 1 }).catch(() => [{ qos: 128 }]);
      expect(refused!.qos, filter).toBe(128);
    }
    for (const topic of [dataTopic(press), mqttTopic(press, 'state'), mqttTopic(oven, 'enrol'), 'elsewhere']) {
      const client = await connected();
      client.publish(topic, packOf(press, 0), { qos: 1 });
      await waitFor(`the end after ${topic}`, long, () => !client.connected);
    }
    expect(test.gateway.status().refused['forbidden-topic']).toBe(4);
    const withWill = connectEnrolling(test, token, press, {
      will: { topic: mqttTopic(press, 'state'), payload: Buffer.from('x'), qos: 1, retain: false },
    });
    await expect(withWill).rejects.toThrow();
    expect(test.gateway.status().refused['forbidden-will']).toBe(1);
    expect(test.memory.records('sensor-readings').length + test.memory.records('dead-letters').length).toBe(0);
  });

  it('is for its own device, and must be right', async () => {
    const test = await startEnrolment();
    const { token } = await tokenFor(test);
    const wrong = `${token.slice(0, -2)}${token.endsWith('AA') ? 'BB' : 'AA'}`;
    await expect(connectEnrolling(test, token, oven)).rejects.toThrow();
    await expect(connectEnrolling(test, wrong)).rejects.toThrow();
    await expect(connectTls(test, { username: 'telegraf', password: token })).rejects.toThrow();
    await refusedFor(test, 'unauthorised');
    await waitFor('the audit', long, () => audit(test).filter(({ what }) => what === 'log-in').length === 3);
  });

  it('that has expired or was revoked is refused with the next step', async () => {
    let aheadUs = 0;
    const test = await startEnrolment({ clock: { ...systemClock, nowUs: () => systemClock.nowUs() + aheadUs } });
    const revoked = await tokenFor(test);
    expect(await ask(test, 'DELETE', `devices/${owner(press)}/enrolment/${revoked.id}`)).toMatchObject({ status: 200 });
    await waitFor('the revocation', long, async () => (await stateOf(test, press, revoked.id)) === 'revoked');
    const first = await askerOf().ask(await connectEnrolling(test, revoked.token));
    expect(first).toMatchObject({ type: 'refused', reason: expect.stringContaining('revoked') });
    const expired = await tokenFor(test, press, { expiresMs: 60_000 });
    aheadUs = 61e6;
    const second = await askerOf().ask(await connectEnrolling(test, expired.token));
    expect(second).toMatchObject({
      reason: expect.stringMatching(/expired at .*fieldline device enrol plant1\/press-07/),
    });
    expect(await stateOf(test, press, expired.id)).toBe('expired');
  });

  it('belongs to the first key: asked again, the answer is the same; another key is refused aloud', async () => {
    const test = await startEnrolment();
    const { id, token } = await tokenFor(test);
    const [owning, thief] = [askerOf(), askerOf()];
    const client = await connectEnrolling(test, token);
    const first = await owning.ask(client);
    const again = await owning.ask(client);
    expect(first).toMatchObject({ type: 'enrolled' });
    expect(again).toEqual(first);
    const stolen = await thief.ask(await connectEnrolling(test, token));
    expect(stolen).toMatchObject({ type: 'refused', reason: expect.stringContaining('another key'), mayRetry: false });
    expect(await owning.ask(await connectEnrolling(test, token))).toEqual(first);
    await waitFor('the audit', long, () => audit(test).some(({ detail }) => detail?.includes('another key')));
    expect(await stateOf(test, press, id)).toBe('bound');
  });

  it('is revoked as any other credential, with the certificate that it gave, and the derived token stays', async () => {
    const test = await startEnrolment();
    const { id, token } = await tokenFor(test);
    const pair = await enrolled(test, token);
    const client = await connectTls(test, pair);
    expect(await ask(test, 'DELETE', `devices/${owner(press)}/credentials/${id}`)).toMatchObject({ status: 200 });
    await waitFor('the end of the session', long, () => !client.connected);
    await connectTls(test, { username: owner(press), password: deviceToken(secret, press) });
    const { body } = await ask(test, 'GET', `devices/${owner(press)}/credentials`);
    expect(body).toMatchObject({ credentials: [{ id, type: 'enrolment', usable: false }], derivedToken: true });
  });

  it('asks no more often than a device in trouble would', async () => {
    const test = await startEnrolment();
    const { token } = await tokenFor(test);
    const client = await connectEnrolling(test, token);
    for (let i = 0; i < 20 && client.connected; i += 1) client.publish(mqttTopic(press, 'enrol'), 'x', { qos: 1 });
    await waitFor('the end', 5 * long, () => !client.connected);
    await refusedFor(test, 'enrolment-over');
  });
});

describe('a card that was flashed anew', () => {
  it('takes the place of the old one when it has spoken, and not before; at every gateway', async () => {
    const log = new MemoryLog();
    const test = await startEnrolment({ log });
    const other = { ...(await startGateway(test.over)), maker: test.maker, over: test.over };
    const derived = { username: owner(press), password: deviceToken(secret, press) };
    const old = await connectTls(other, { ...derived, clientId: 'old' });
    const { token } = await tokenFor(test, press, {}, [other]);
    const pair = await enrolled(other, token);
    await old.publishAsync(dataTopic(press), packOf(press, 0), { qos: 1 });
    // A new certificate changes nothing while it is silent.
    await connectTls(other, { ...derived, clientId: 'old too' });
    const fresh = await connectTls(test, { ...pair, clientId: 'new' });
    expect(old.connected).toBe(true);
    await fresh.publishAsync(dataTopic(press), packOf(press, 1), { qos: 1 });
    await waitFor('the end of the old session', long, () => !old.connected);
    await expect(connectTls(test, derived)).rejects.toThrow();
    expect(fresh.connected).toBe(true);

    const second = await tokenFor(other, press, {}, [test]);
    const next = await enrolled(test, second.token);
    const newest = await connectTls(other, { ...next, clientId: 'newest' });
    await newest.publishAsync(dataTopic(press), packOf(press, 2), { qos: 1 });
    await waitFor('the end of the second session', long, () => !fresh.connected);
    await expect(connectTls(test, pair)).rejects.toThrow();
    expect(newest.connected).toBe(true);
  });

  it('a further token takes the place of one that was not used up, with what it gave', async () => {
    const test = await startEnrolment();
    const first = await tokenFor(test);
    const pair = await enrolled(test, first.token);
    const client = await connectTls(test, pair);
    await tokenFor(test);
    await waitFor('the end of the session', long, () => !client.connected);
    expect(await stateOf(test, press, first.id)).toBe('revoked');
    await expect(connectTls(test, pair)).rejects.toThrow();
  });
});

describe('several gateways of one log', () => {
  it('give a token to one key, whichever of them is asked by whom at once', async () => {
    const log = new MemoryLog();
    const test = await startEnrolment({ log });
    const other = { ...(await startGateway(test.over)), maker: test.maker, over: test.over };
    for (let round = 0; round < 5; round += 1) {
      const device = { site: 'plant1', device: `pi-${round}` };
      const { token } = await tokenFor(test, device, {}, [other]);
      const [one, two] = [askerOf(device), askerOf(device)];
      const clients = [await connectEnrolling(test, token, device), await connectEnrolling(other, token, device)];
      const answers = await Promise.all([one.ask(clients[0]!), two.ask(clients[1]!)]);
      expect(answers.map(({ type }) => type).sort()).toEqual(['enrolled', 'refused']);
      // The log alone tells the same to a gateway that begins now.
      const winner = answers[0].type === 'enrolled' ? one : two;
      const third = { ...(await startGateway(test.over)), maker: test.maker };
      expect(await winner.ask(await connectEnrolling(third, token, device))).toEqual(
        answers.find(({ type }) => type === 'enrolled'),
      );
    }
  });

  it('a gateway that dies between signing and answering: another gives the certificate that was signed', async () => {
    const log = new MemoryLog();
    const test = await startEnrolment({ log });
    const { id, token } = await tokenFor(test);
    const asker = askerOf();
    const client = await connectEnrolling(test, token);
    test.log.hold();
    const unanswered = asker.ask(client);
    await waitFor('the signature', long, () => test.log.held > 0);
    await Promise.all([expect(unanswered).rejects.toThrow(), test.gateway.stop(0)]);
    // The log takes what was on its way.
    test.log.release();
    await waitFor('the record', long, () => test.log.appends.some(({ records }) => records[0]?.key.endsWith(id)));
    const other = { ...(await startGateway(test.over)), maker: test.maker };
    expect(await stateOf(other, press, id)).toBe('bound');
    expect(await asker.ask(await connectEnrolling(other, token))).toMatchObject({ type: 'enrolled' });
    expect(await askerOf().ask(await connectEnrolling(other, token))).toMatchObject({ type: 'refused' });
  });

  it.each([
    ['takes nothing', false],
    ['takes it without saying so', true],
  ])('while the log %s, the device is told to come again, and is answered then', async (_what, after) => {
    const test = await startEnrolment();
    const { token } = await tokenFor(test);
    const [client, asker] = [await connectEnrolling(test, token), askerOf()];
    test.log.fault = (topic) =>
      topic === 'device-events' ? { error: new RetryableError('unavailable', 'away'), after } : undefined;
    expect(await asker.ask(client)).toMatchObject({ type: 'refused', mayRetry: true });
    test.log.fault = () => undefined;
    expect(await asker.ask(client)).toMatchObject({ type: 'enrolled' });
  });

  it('what could not be revoked when the certificate spoke is revoked when it speaks again', async () => {
    const test = await startEnrolment();
    const { id, token } = await tokenFor(test);
    const pair = await enrolled(test, token);
    test.log.fault = (topic, [first]) =>
      topic === 'device-events' && first!.key.includes('/credential/')
        ? { error: new RetryableError('unavailable', 'away') }
        : undefined;
    const first = await connectTls(test, pair);
    await first.publishAsync(dataTopic(press), packOf(press, 0), { qos: 1 });
    await first.endAsync();
    expect(await stateOf(test, press, id)).toBe('bound');
    test.log.fault = () => undefined;
    const second = await connectTls(test, pair);
    await second.publishAsync(dataTopic(press), packOf(press, 1), { qos: 1 });
    await waitFor('the end of the token', long, async () => (await stateOf(test, press, id)) === 'used');
  });
});

describe('the renewal of a certificate', () => {
  it('gives another for a new key, and revokes the old one after the new one has spoken', async () => {
    const test = await startEnrolment();
    const pair = await enrolled(test, (await tokenFor(test)).token);
    const old = await connectTls(test, { ...pair, clientId: 'old' });
    await old.publishAsync(dataTopic(press), packOf(press, 0), { qos: 1 });
    await waitFor('its own promotion', long, async () =>
      (await test.registry.metrics()).includes('enrolments_total{outcome="spoken"} 1'),
    );
    const asker = askerOf();
    const answer = await asker.ask(old);
    expect(await asker.ask(old)).toEqual(answer);
    if (answer.type !== 'enrolled') throw new Error(answer.reason);
    const next = await connectTls(test, { key: asker.key, cert: answer.certificate, clientId: 'new' });
    await old.publishAsync(dataTopic(press), packOf(press, 1), { qos: 1 });
    expect(old.connected).toBe(true);
    await next.publishAsync(dataTopic(press), packOf(press, 2), { qos: 1 });
    await waitFor('the end of the old session', long, () => !old.connected);
    await expect(connectTls(test, pair)).rejects.toThrow();
    await connectTls(test, { key: asker.key, cert: answer.certificate, clientId: 'again' });
  });

  it('is not for those that have a token, nor too often', async () => {
    const test = await startEnrolment();
    const byToken = await connectTls(test, { username: owner(press), password: deviceToken(secret, press) });
    expect(await askerOf().ask(byToken)).toMatchObject({ type: 'refused', mayRetry: false });
    const byCertificate = await connectTls(test, await test.maker.client(owner(press)));
    const answers = [];
    for (let i = 0; i < 5; i += 1) answers.push((await askerOf().ask(byCertificate)).type);
    expect(answers).toEqual(['enrolled', 'enrolled', 'enrolled', 'enrolled', 'refused']);
    for (let i = 0; i < 30; i += 1) byCertificate.publish(mqttTopic(press, 'enrol'), 'x', { qos: 1 });
    await byCertificate.publishAsync(dataTopic(press), packOf(press, 0), { qos: 1 });
    expect(byCertificate.connected).toBe(true);
  });

  it('is refused by a gateway that signs nothing, and the session goes on', async () => {
    const { maker, over } = await startEnrolment();
    const plain = await startGateway({ mqtt: { tls: { ...(over.mqtt as { tls: object }).tls, ca: maker.ca } } });
    const client = await connectTls({ ...plain, maker }, await maker.client(owner(press)));
    expect(await askerOf().ask(client)).toMatchObject({ type: 'refused', mayRetry: true });
    await client.publishAsync(dataTopic(press), packOf(press, 0), { qos: 1 });
    expect(await ask(plain, 'POST', `devices/${owner(press)}/enrolment`)).toMatchObject({ status: 409 });
  });
});

describe('who may connect', () => {
  it('where all must show a certificate: those that enrol as well, and nobody else', async () => {
    const test = await startEnrolment({}, { clients: 'required' });
    const strict = await startGateway({
      ...test.over,
      mqtt: { tls: { ...(test.over.mqtt as { tls: object }).tls, ca: test.maker.ca } },
    });
    const there = { ...strict, maker: test.maker, over: test.over };
    const derived = { username: owner(press), password: deviceToken(secret, press) };
    await expect(connectTls(there, derived)).rejects.toThrow();
    await refusedFor(strict, 'certificate');
    const { token } = await tokenFor(strict);
    await connectTls(there, await enrolled(there, token));
  });

  it('an expired certificate is named, with the next step, in the audit and in the list of devices', async () => {
    const test = await startEnrolment();
    const shown = await test.maker.client(owner(press), { nowMs: Date.now() - 5 * 86_400_000, days: 2 });
    await expect(connectTls(test, shown)).rejects.toThrow();
    await waitFor('the audit', long, () =>
      audit(test).some(({ detail }) => detail?.includes(`fieldline device enrol ${owner(press)}`)),
    );
  });

  it('a retired device gets no token, and one that gets a token is adopted', async () => {
    const test = await startEnrolment({ devices: { unknown: 'reject' } });
    const pair = await enrolled(test, (await tokenFor(test)).token);
    await connectTls(test, pair);
    await ask(test, 'POST', `registry/${owner(press)}/retire`);
    await waitFor(
      'the retirement',
      long,
      async () => (await ask(test, 'POST', `devices/${owner(press)}/enrolment`)).status === 409,
    );
  });
});
