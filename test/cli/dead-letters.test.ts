import { Registry } from 'prom-client';
import { expect, onTestFinished, test } from 'vitest';
import { listLetters, replayLetters, showLetter } from '../../cli/dead-letters.js';
import { logTopics } from '../../core/contract/log-topics.js';
import { silentLogger } from '../../core/runtime/logger.js';
import { operatorToken } from '../../core/runtime/operator-token.js';
import { OpsServer } from '../../core/runtime/ops-server.js';
import { dataTopic, packOf, press, secret, startGateway } from '../gateway/harness.js';

const letters = logTopics.deadLetters.name;

async function open(count: number) {
  const { gateway, memory, log } = await startGateway();
  const server = { port: 0, registry: new Registry(), notReady: () => [], logger: silentLogger, door: gateway.door };
  const ops = new OpsServer(server);
  await ops.start();
  onTestFinished(() => ops.stop(100));
  const headers = { reason: 'version', detail: 'too new', stage: 'gateway', source: dataTopic(press), receivedUs: '5' };
  for (let seq = 0; seq < count; seq += 1) {
    await memory.append(letters, [{ key: 'plant1/press-07', value: packOf(press, seq), headers }]);
  }
  const junk = Buffer.of(0, 1, 2, 65, 66);
  await memory.append(letters, [
    { key: 'plant1/press-07', value: junk, headers: { ...headers, reason: 'bad-coding' } },
  ]);
  return { memory, log, api: { http: `http://127.0.0.1:${ops.port}`, token: operatorToken(secret) } };
}

test('letters are listed and shown for a person', async () => {
  const { api } = await open(2);
  const listed = await listLetters(api, { limit: 2 });
  expect(listed.text.split('\n')).toEqual([
    expect.stringMatching(/^0\/2 {2}20\S+Z {2}gateway {2}bad-coding {2}plant1\/press-07 {2}5 B {2}too new$/),
    expect.stringMatching(/^0\/1 .* version /),
    '2 of 3 letters.',
  ]);
  const shown = await showLetter(api, '0/2');
  expect(shown.text).toContain('00000000  00 01 02 41 42');
  expect(shown.text).toContain('...AB');
  expect(shown.text).toMatch(/source +fieldline\/plant1\/press-07\/data/);
  expect([...shown.bytes]).toEqual([0, 1, 2, 65, 66]);
  await expect(showLetter(api, '0/9')).rejects.toThrow(/404: there is no letter at 0\/9/);
  await expect(listLetters({ ...api, token: 'x' }, { limit: 2 })).rejects.toThrow(/401/);
});

test('what a terminal would obey is not printed', async () => {
  const { api, memory } = await open(0);
  const evil = '\u001b]0;title\u0007\u009b31m';
  const headers = { reason: 'schema', detail: evil, stage: 'gateway', source: evil, receivedUs: '5' };
  await memory.append(letters, [{ key: evil, value: Buffer.from(`plain\n${evil}`), headers }]);
  const [{ text }, shown] = [await listLetters(api, { limit: 5 }), await showLetter(api, '0/1')];
  for (const printed of [text, shown.text]) expect(printed.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
  expect(shown.result.headers).toEqual(headers);
  await memory.append(letters, [{ key: 'k', value: Buffer.from('a\tb\r\nc ☂'), headers }]);
  expect((await showLetter(api, '0/2')).text).toContain('a\tb\r\nc ☂');
});

test('many letters are replayed some at a time, with a bar, and failures are named', async () => {
  const { api, memory } = await open(60);
  const positions = Array.from({ length: 61 }, (_, i) => `0/${i}`);
  const steps: [number, string][] = [];
  const progress = { update: (done: number, note: string) => void steps.push([done, note]), stop: () => undefined };
  const dry = await replayLetters(api, positions, { dryRun: true, progress: undefined });
  expect(dry.text.split('\n').at(-1)).toBe('60 would be replayed, 1 failed; 180 readings.');
  expect(memory.records(logTopics.readings.name)).toEqual([]);
  const { text, done, results } = await replayLetters(api, positions, { dryRun: false, progress });
  expect(text.split('\n')).toEqual([
    expect.stringMatching(/^0\/60 {2}bad-coding: /),
    '60 replayed, 1 failed; 180 readings.',
  ]);
  expect([done, results.length, steps]).toEqual([
    false,
    61,
    [
      [25, ''],
      [50, ''],
      [61, '1 failed'],
    ],
  ]);
  expect(memory.records(logTopics.readings.name)).toHaveLength(60);
  const { result } = await listLetters(api, { limit: 100, state: 'replayed' });
  expect(result.matched).toBe(60);
});

test('a log that is away for a moment is asked again', async () => {
  const { api, log } = await open(1);
  let failures = 1;
  const read = log.read;
  log.read = (...place) => (failures-- > 0 ? Promise.reject(new Error('away')) : read(...place));
  const { text } = await replayLetters(api, ['0/0'], { dryRun: false, progress: undefined });
  expect(text).toBe('1 replayed; 3 readings.');
});
