import { connectAsync, type MqttClient } from 'mqtt';
import { describe, expect, it, onTestFinished } from 'vitest';
import { auditEntrySchema, type AuditEntry } from '../../../core/contract/audit.js';
import { deviceToken } from '../../../core/runtime/device-token.js';
import { MemoryLog } from '../../support/memory-log.js';
import { waitFor } from '../../servers/wait-for.js';
import { connectDevice, dataTopic, oven, packOf, press, secret, startGateway, type TestGateway } from '../harness.js';
import { ask, issue, pathOf } from './operator.js';

const name = 'plant1/press-07';
const long = 20_000;

function connect({ port }: TestGateway, username: string, password: string): Promise<MqttClient> {
  return connectAsync(
    `mqtt://127.0.0.1:${port}`,
    { username, password, reconnectPeriod: 0, connectTimeout: long },
    false,
  ).then((client) => {
    client.on('error', () => undefined);
    onTestFinished(() => void client.end(true));
    return client;
  });
}

/** Until the gateway has read what its door wrote. */
async function known(test: TestGateway, owner: string, id: string): Promise<void> {
  await waitFor('the credential to be known', long, async () => {
    const { body } = await ask(test, 'GET', `${pathOf(owner)}/credentials`);
    return (body as { credentials: { id: string }[] }).credentials.some((one) => one.id === id);
  });
}

function audited({ memory }: TestGateway): AuditEntry[] {
  return memory
    .records('gateway-audit')
    .map(({ value }) => auditEntrySchema.parse(JSON.parse(Buffer.from(value).toString())));
}

describe('issued tokens', () => {
  it('let in their own device alone, and put an end to the derived one', async () => {
    const test = await startGateway();
    const { id, token } = await issue(test, name);
    await known(test, name, id);
    const client = await connect(test, name, token);
    await client.publishAsync(dataTopic(press), packOf(press, 0), { qos: 1 });
    expect(test.memory.records('sensor-readings')).toHaveLength(1);
    const wrong = [
      [name, deviceToken(secret, press)],
      ['plant1/oven-02', token],
      [name, `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`],
      [name, token.replace(id, '000000000000')],
    ] as const;
    for (const [user, password] of wrong) await expect(connect(test, user, password)).rejects.toThrow(/Not authorized/);
    await connectDevice(test.port, oven);
    expect(
      JSON.stringify(test.memory.records('device-events').map(({ value }) => Buffer.from(value).toString())),
    ).not.toContain(token);
  });

  it('once revoked, end the live session at every gateway of the log, and are refused', async () => {
    const log = new MemoryLog();
    const [test, other] = [await startGateway({ log }), await startGateway({ log })];
    const { id, token } = await issue(test, name);
    await known(other, name, id);
    await known(test, name, id);
    const { id: second, token: good } = await issue(test, name);
    await known(other, name, second);
    const [here, there, spared] = await Promise.all([
      connect(test, name, token),
      connect(other, name, token),
      connect(other, name, good),
    ]);
    const gone = await ask(test, 'DELETE', `devices/${name}/credentials/${id}`);
    expect(gone).toMatchObject({ status: 200, body: { owner: name, id, revoked: true } });
    await waitFor('both sessions to end', long, () => !here.connected && !there.connected);
    expect(spared.connected).toBe(true);
    await expect(connect(other, name, token)).rejects.toThrow(/Not authorized/);
    expect(other.gateway.status().refused).toEqual({ revoked: 2 });
  });

  it('are all revoked at once, with the derived one; and a new one lets in again', async () => {
    const test = await startGateway();
    const client = await connectDevice(test.port, press);
    expect(await ask(test, 'DELETE', `devices/${name}/credentials`)).toMatchObject({ status: 200 });
    await waitFor('the session to end', long, () => !client.connected);
    await expect(connectDevice(test.port, press)).rejects.toThrow(/Not authorized/);
    const { id, token } = await issue(test, name);
    await known(test, name, id);
    const again = await connect(test, name, token);
    expect(again.connected).toBe(true);
    await waitFor('the audit', long, () => audited(test).length >= 3);
    expect(audited(test)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          who: 'operator',
          what: 'credential-revoked',
          target: name,
          outcome: 'done',
          address: '192.0.2.7',
        }),
        expect.objectContaining({
          who: name,
          what: 'log-in',
          outcome: 'refused',
          detail: 'revoked',
          address: '127.0.0.1',
        }),
        expect.objectContaining({ who: 'operator', what: 'credential-made', target: `${name} ${id}`, outcome: 'done' }),
      ]),
    );
    expect(JSON.stringify(audited(test))).not.toContain(token);
  });

  it('a token leaves what the derived one began as it is', async () => {
    const test = await startGateway();
    const client = await connectDevice(test.port, press);
    const { id } = await issue(test, name);
    await known(test, name, id);
    await client.publishAsync(dataTopic(press), packOf(press, 0), { qos: 1 });
    expect(client.connected).toBe(true);
  });

  it('let in the clients that have one, and nobody else', async () => {
    const rules = [{ clients: 'telegraf-*', read: ['fieldline-notes/{client}/#'] }];
    const test = await startGateway({ mqtt: { acl: rules } });
    const { id, token } = await issue(test, 'telegraf-1');
    await known(test, 'telegraf-1', id);
    const client = await connect(test, 'telegraf-1', token);
    const [granted] = await client.subscribeAsync('fieldline-notes/telegraf-1/+', { qos: 1 });
    expect(granted).toMatchObject({ qos: 1 });
    await client.subscribeAsync('fieldline-notes/#', { qos: 1 }).catch(() => undefined);
    await client.subscribeAsync('fieldline/plant1/press-07/command/+', { qos: 1 }).catch(() => undefined);
    expect(test.gateway.status().refused).toEqual({ 'forbidden-subscription': 2 });
    await expect(connect(test, 'telegraf-2', token)).rejects.toThrow(/Bad username or password/);
    void client.publishAsync(dataTopic(press), packOf(press, 0), { qos: 1 }).catch(() => undefined);
    await waitFor('the end of who speaks for others', long, () => !client.connected);
    expect(test.memory.records('sensor-readings')).toEqual([]);
  });
});

describe('the door of credentials', () => {
  it('opens to operators, and to names that can be', async () => {
    const test = await startGateway();
    const path = `devices/${name}/credentials`;
    expect(await ask(test, 'GET', path, undefined, 'Bearer wrong')).toMatchObject({ status: 401 });
    expect(await ask(test, 'POST', path, undefined, '')).toMatchObject({ status: 401 });
    expect(await ask(test, 'PUT', path)).toMatchObject({ status: 405 });
    expect(await ask(test, 'GET', 'devices/pl*nt/x/credentials')).toMatchObject({ status: 404 });
    expect(await ask(test, 'GET', 'clients/_x/credentials')).toMatchObject({ status: 404 });
    expect(await ask(test, 'DELETE', `${path}/no-id`)).toMatchObject({ status: 404 });
    expect(await ask(test, 'DELETE', `${path}/0123456789ab`)).toMatchObject({ status: 404 });
    expect(await ask(test, 'POST', path, { label: 'x'.repeat(300) })).toMatchObject({ status: 400 });
    expect(await ask(test, 'POST', path, { certificate: 'garbage' })).toMatchObject({ status: 400 });
    expect(await ask(test, 'GET', path)).toEqual({
      status: 200,
      body: { owner: name, credentials: [], derivedToken: true },
    });
  });

  it('lists what may be shown, and never the token or its hash', async () => {
    const test = await startGateway();
    const { id } = await issue(test, name);
    await known(test, name, id);
    await ask(test, 'DELETE', `devices/${name}/credentials`);
    await known(test, name, 'all');
    const { body } = await ask(test, 'GET', `devices/${name}/credentials`);
    expect(body).toMatchObject({
      derivedToken: false,
      credentials: [
        { id, type: 'token', usable: false },
        { id: 'all', type: 'revoked', usable: false },
      ],
    });
    expect(JSON.stringify(body)).not.toMatch(/scrypt|salt|hash|flt_/);
  });

  it('stops at so many of one owner', async () => {
    const test = await startGateway();
    for (let i = 0; i < 16; i += 1) await known(test, name, (await issue(test, name)).id);
    expect(await ask(test, 'POST', `devices/${name}/credentials`)).toMatchObject({ status: 409 });
  });
});
