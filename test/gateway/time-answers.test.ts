import type { MqttClient } from 'mqtt';
import { expect, it } from 'vitest';
import { mqttTopic } from '../../core/contract/mqtt-topics.js';
import { timeAnswerId, timeAnswerSchema, type TimeAnswer } from '../../core/contract/time-answer.js';
import { systemClock } from '../../core/runtime/clock.js';
import { waitFor } from '../servers/wait-for.js';
import { connectDevice, dataTopic, oven, packOf, press, startGateway } from './harness.js';

async function listen(client: MqttClient): Promise<{ id: string; answer: TimeAnswer }[]> {
  const answers: { id: string; answer: TimeAnswer }[] = [];
  client.on('message', (topic, payload) => {
    const answer = timeAnswerSchema.parse(JSON.parse(payload.toString()));
    answers.push({ id: topic.split('/').at(-1)!, answer });
  });
  return answers;
}

const query = (id: string): string => JSON.stringify({ type: 'clock-query', id });

it('tells a device the time at once, though the log takes nothing, and nobody else', async () => {
  const test = await startGateway();
  const [client, other] = [await connectDevice(test.port, press), await connectDevice(test.port, oven)];
  const [answers, others] = [await listen(client), await listen(other)];
  await client.subscribeAsync(mqttTopic(press, 'command', '+'), { qos: 1 });
  await other.subscribeAsync(mqttTopic(oven, 'command', '+'), { qos: 1 });
  test.log.hold();
  void client.publishAsync(dataTopic(press), packOf(press, 0), { qos: 1 }).catch(() => undefined);
  await waitFor('the log holds a pack', 2000, () => test.log.held > 0);
  const [id, beforeUs] = [timeAnswerId('a'.repeat(16), 1), systemClock.nowUs()];
  void client.publishAsync(mqttTopic(press, 'state'), query(id), { qos: 1 }).catch(() => undefined);
  await waitFor('the answer', 2000, () => answers.length > 0);
  const { receivedUs, sentUs } = answers[0]!.answer;
  expect(answers[0]!.id).toBe(id);
  expect([beforeUs <= receivedUs + 1000, receivedUs <= sentUs, sentUs <= systemClock.nowUs() + 1000]).toEqual([
    true,
    true,
    true,
  ]);
  test.log.release();
  await client.publishAsync(mqttTopic(press, 'state'), query(timeAnswerId('a'.repeat(16), 2)), { qos: 1 });
  expect(others).toEqual([]);
  expect(test.memory.records('device-events')).toEqual([]);
  expect(test.gateway.status().messages).toMatchObject({ 'clock-query': 2, pack: 1 });
});

it.each(['never', 'synced'])('tells no time that it does not know itself: %s', async (trust) => {
  const test = await startGateway({ time: { trust, syncMarkers: ['/nowhere'] } });
  const client = await connectDevice(test.port, press);
  const answers = await listen(client);
  await client.subscribeAsync(mqttTopic(press, 'command', '+'), { qos: 1 });
  await client.publishAsync(mqttTopic(press, 'state'), query(timeAnswerId('a'.repeat(16), 1)), { qos: 1 });
  // What is said on one connection comes in order: an answer would be there before the next one.
  await test.gateway.publishCommand(press, timeAnswerId('b'.repeat(16), 1), Buffer.from('{"receivedUs":1,"sentUs":1}'));
  await waitFor('the next one', 2000, () => answers.length > 0);
  expect(answers.map(({ id }) => id)).toEqual([timeAnswerId('b'.repeat(16), 1)]);
});

it('sets a query aside whose id could be that of a command', async () => {
  const test = await startGateway();
  const client = await connectDevice(test.port, press);
  await client.publishAsync(mqttTopic(press, 'state'), query('restart'), { qos: 1 });
  expect(test.memory.records('dead-letters')).toMatchObject([{ headers: { reason: 'schema' } }]);
});
