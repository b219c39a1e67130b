import { describe, expect, it } from 'vitest';
import type { MqttClient } from 'mqtt';
import { mqttTopic } from '../../../core/contract/mqtt-topics.js';
import type { DeviceId } from '../../../core/contract/names.js';
import { waitFor } from '../../servers/wait-for.js';
import { connectDevice, oven, press, startGateway } from '../harness.js';
import { operatorOf } from '../operator.js';

const deadlineMs = 20_000;
const commandsOf = ({ site, device }: DeviceId, id?: string) =>
  `/devices/${site}/${device}/commands${id === undefined ? '' : `/${id}`}`;
const restart = { type: 'restart-sensor', name: 't1' };

interface Told {
  readonly id: string;
  readonly command: Record<string, unknown>;
}

/** A device that reads its commands, and what it was told. */
async function reader(port: number, device = press): Promise<{ client: MqttClient; told: Told[] }> {
  const client = await connectDevice(port, device);
  const told: Told[] = [];
  client.on('message', (topic, payload) =>
    told.push({ id: topic.split('/').at(-1)!, command: JSON.parse(payload.toString()) as Told['command'] }),
  );
  await client.subscribeAsync(mqttTopic(device, 'command', '+'), { qos: 1 });
  return { client, told };
}
const answer = (client: MqttClient, id: string, result: unknown, device = press) =>
  client.publishAsync(mqttTopic(device, 'result', id), JSON.stringify(result), { qos: 1 });

describe('a command', () => {
  it('reaches the device at whichever gateway it is, and its answer is known at all of them', async () => {
    const one = await startGateway();
    const two = await startGateway({ log: one.memory });
    const [askOne, askTwo] = [await operatorOf(one.gateway), await operatorOf(two.gateway)];
    const { client, told } = await reader(two.port);
    const other = await reader(two.port, oven);
    const given = await askOne('POST', commandsOf(press), restart);
    expect(given).toMatchObject({ status: 202, answer: { status: 'pending', command: restart, by: 'operator' } });
    const id = given.answer['id'] as string;
    await waitFor('the command', deadlineMs, () => told.length > 0);
    await waitFor('it is known as sent', deadlineMs, async () => {
      return (await askOne('GET', commandsOf(press, id))).answer['status'] === 'sent';
    });
    await answer(client, id, { ok: false, error: 'no such sensor' });
    for (const ask of [askOne, askTwo]) {
      await waitFor('the answer', deadlineMs, async () => {
        return (await ask('GET', commandsOf(press, id))).answer['status'] === 'answered';
      });
      const { answer: view } = await ask('GET', commandsOf(press, id));
      expect(view['result']).toEqual({ ok: false, error: 'no such sensor' });
    }
    expect(told).toEqual([{ id, command: restart }]);
    expect(other.told).toEqual([]);
  });

  it('waits for a device that is away, and is said at each coming until it is answered', async () => {
    const first = await startGateway();
    const { status, answer: given } = await (
      await operatorOf(first.gateway)
    )('POST', commandsOf(press), { type: 'report-status' });
    expect(status).toBe(202);
    const id = given['id'] as string;
    await first.gateway.stop(100);
    const second = await startGateway({ log: first.memory });
    const ask = await operatorOf(second.gateway);
    for (let coming = 0; coming < 2; coming += 1) {
      const { client, told } = await reader(second.port);
      await waitFor('the command', deadlineMs, () => told.length === 1);
      if (coming === 1) await answer(client, id, { ok: true, status: { a: 1 } });
      await client.endAsync();
    }
    await waitFor('the answer', deadlineMs, async () => {
      return (await ask('GET', commandsOf(press, id))).answer['status'] === 'answered';
    });
    await ask('POST', commandsOf(press), restart);
    const late = await reader(second.port);
    await waitFor('the next command', deadlineMs, () => late.told.length > 0);
    expect(late.told).toMatchObject([{ command: restart }]);
    const { commands } = (await ask('GET', commandsOf(press))).answer as { commands: object[] };
    expect(commands).toMatchObject([{ command: restart }, { id, result: { ok: true, status: { a: 1 } } }]);
  });

  it('can be taken back', async () => {
    const { gateway, port } = await startGateway();
    const ask = await operatorOf(gateway);
    const { answer: first } = await ask('POST', commandsOf(press), restart);
    const path = commandsOf(press, first['id'] as string);
    await waitFor('it is known', deadlineMs, async () => (await ask('GET', path)).status === 200);
    expect((await ask('DELETE', path)).status).toBe(200);
    await waitFor('it is gone', deadlineMs, async () => (await ask('GET', path)).status === 404);
    await ask('POST', commandsOf(press), { type: 'report-status' });
    await waitFor('the other is known', deadlineMs, async () => {
      return ((await ask('GET', commandsOf(press))).answer['commands'] as object[]).length === 1;
    });
    const { told } = await reader(port);
    await waitFor('the other', deadlineMs, () => told.length > 0);
    expect(told).toMatchObject([{ command: { type: 'report-status' } }]);
  });
});

describe('a result', () => {
  it('of a command that nobody gave is counted and not kept; one that cannot be read is set aside', async () => {
    const { gateway, port, memory } = await startGateway();
    const { client } = await reader(port);
    await answer(client, 'nobody', { ok: true });
    await answer(client, 'epoch-0123456789abcdef', { ok: true, epoch: 'x' });
    await answer(client, 'bad', { ok: 'perhaps' });
    await answer(client, 'long', { ok: false, error: 'x'.repeat(200_000) });
    await waitFor('all are counted', deadlineMs, () => gateway.status().messages['dead-letter'] === 2);
    expect(gateway.status().messages).toEqual({ 'result-unasked': 1, result: 1, 'dead-letter': 2 });
    expect(memory.records('device-events')).toEqual([]);
    const reasons = memory.records('dead-letters').map(({ headers }) => headers?.['reason']);
    expect(reasons.sort()).toEqual(['schema', 'too-large']);
  });
});

describe('the door', () => {
  it('takes the token of the operator, commands that exist and are not over, and writes down who asked', async () => {
    const { gateway, memory } = await startGateway();
    const ask = await operatorOf(gateway);
    expect((await ask('POST', commandsOf(press), restart, 'x')).status).toBe(401);
    expect((await ask('POST', commandsOf(press), { type: 'dance' })).status).toBe(400);
    expect((await ask('POST', commandsOf(press), { ...restart, expiresUs: 1 })).status).toBe(400);
    expect((await ask('POST', commandsOf(press), { ...restart, name: 'x'.repeat(5000) })).status).toBe(413);
    expect((await ask('POST', commandsOf({ site: 'p', device: 'a%20b' }), restart)).status).toBe(404);
    expect((await ask('GET', commandsOf(press, 'none'))).status).toBe(404);
    expect((await ask('PUT', commandsOf(press), restart)).status).toBe(405);
    expect(memory.records('device-events')).toEqual([]);
    expect((await ask('POST', commandsOf(press), restart)).status).toBe(202);
    const written = () => memory.records('gateway-audit').map(({ value }) => JSON.parse(Buffer.from(value).toString()) as object); // prettier-ignore
    await waitFor('the account', deadlineMs, () => written().length === 2);
    const entry = { who: 'operator', what: 'command', target: 'plant1/press-07', address: '127.0.0.1' };
    expect(written()).toMatchObject([
      { ...entry, outcome: 'refused' },
      { ...entry, outcome: 'done', detail: 'restart-sensor' },
    ]);
  });

  it('says when a device has enough to do', async () => {
    const { gateway } = await startGateway();
    const ask = await operatorOf(gateway);
    const open = async () => ((await ask('GET', commandsOf(press))).answer['commands'] as object[]).length;
    for (let i = 0; i < 64; i += 1) expect((await ask('POST', commandsOf(press), restart)).status).toBe(202);
    await waitFor('all are known', deadlineMs, async () => (await open()) === 64);
    expect((await ask('POST', commandsOf(press), restart)).status).toBe(429);
    expect((await ask('POST', commandsOf(oven), restart)).status).toBe(202);
  });
});
