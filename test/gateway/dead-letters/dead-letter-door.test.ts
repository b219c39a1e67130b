import { describe, expect, it } from 'vitest';
import { logTopics } from '../../../core/contract/log-topics.js';
import { operatorToken } from '../../../core/runtime/operator-token.js';
import type { Gateway } from '../../../gateway/main.js';
import { LetterIndex } from '../../../gateway/dead-letters/letter-index.js';
import { MemoryLog } from '../../support/memory-log.js';
import { waitFor } from '../../servers/wait-for.js';
import { connectDevice, dataTopic, oven, packOf, press, secret, startGateway } from '../harness.js';

const letters = logTopics.deadLetters.name;

function asking({ door }: Gateway, token = operatorToken(secret)) {
  return async (method: string, path = '', body?: object) => {
    const url = new URL(`http://localhost/api/v1/dead-letters${path}`);
    expect(door.opens(url.pathname)).toBe(true);
    const bytes = body ? Buffer.from(JSON.stringify(body)) : Buffer.alloc(0);
    const { status, body: answer } = await door.answer({ method, url, authorization: `Bearer ${token}`, body: bytes });
    return { status, answer: answer as Record<string, unknown> };
  };
}

/** A gateway with three letters: two of the press, one of the oven. */
async function withLetters() {
  const test = await startGateway();
  for (const [device, payload] of [
    [press, '{"no":"pack"}'],
    [oven, '[]'],
    [press, '[{"bn":"plant1/press-07/","bfmt":9}]'],
  ] as const) {
    const client = await connectDevice(test.port, device);
    await client.publishAsync(dataTopic(device), payload, { qos: 1 });
    await client.endAsync();
  }
  return { ...test, ask: asking(test.gateway) };
}

const found = ({ answer }: { answer: Record<string, unknown> }) =>
  (answer['letters'] as { position: string; reason: string; key: string }[]).map(
    ({ position, reason, key }) => `${position} ${key} ${reason}`,
  );

describe('the door to the dead letters', () => {
  it('lists them, the newest first, by reason, device, stage, age and state', async () => {
    const { ask } = await withLetters();
    const all = ['0/2 plant1/press-07 version', '0/1 plant1/oven-02 schema', '0/0 plant1/press-07 bad-coding'];
    expect(found(await ask('GET'))).toEqual(all);
    expect(found(await ask('GET', '?device=plant1/press-07'))).toEqual([all[0], all[2]]);
    expect(found(await ask('GET', '?device=plant1/'))).toEqual(all);
    expect(found(await ask('GET', '?reason=schema&stage=gateway&state=open'))).toEqual([all[1]]);
    expect(found(await ask('GET', '?state=failed'))).toEqual([]);
    const limited = await ask('GET', '?limit=1');
    expect([found(limited), limited.answer['matched'], limited.answer['more']]).toEqual([[all[0]], 3, false]);
    expect(found(await ask('GET', `?sinceUs=${4e15}`))).toEqual([]);
    expect((await ask('GET', '?limit=x')).status).toBe(400);
  });

  it('shows one with its headers and its bytes', async () => {
    const { ask } = await withLetters();
    const { status, answer } = await ask('GET', '/0/0');
    expect(status).toBe(200);
    expect(answer).toMatchObject({ reason: 'bad-coding', stage: 'gateway', source: dataTopic(press), bytes: 13 });
    expect(Buffer.from(answer['value'] as string, 'base64').toString()).toBe('{"no":"pack"}');
    expect((await ask('GET', '/0/99')).status).toBe(404);
  });

  it('replays some, tells of each, keeps an account of it, and no letter of what fails again', async () => {
    const { ask, memory, registry } = await withLetters();
    const payload = packOf(press, 7);
    const headers = { reason: 'version', detail: 'x', stage: 'gateway', source: dataTopic(press), receivedUs: '5' };
    await memory.append(letters, [{ key: 'plant1/press-07', value: payload, headers }]);
    const body = { letters: ['0/3', '0/0', '9/9'] };
    const dry = await ask('POST', '/replay', { ...body, dryRun: true });
    expect(dry.answer['results']).toMatchObject([
      { outcome: 'would-replay', readings: 3 },
      { outcome: 'failed' },
      { reason: 'gone' },
    ]);
    expect(memory.records(logTopics.readings.name)).toEqual([]);
    const { status, answer } = await ask('POST', '/replay', body);
    expect(status).toBe(200);
    expect(answer['results']).toMatchObject([
      { position: '0/3', outcome: 'replayed', readings: 3 },
      { position: '0/0', outcome: 'failed', reason: 'bad-coding' },
      { position: '9/9', outcome: 'failed', reason: 'gone' },
    ]);
    expect(memory.records(logTopics.readings.name).map(({ value }) => Buffer.from(value))).toEqual([payload]);
    // The letters as they were, and one mark.
    expect(memory.records(letters)).toHaveLength(5);
    expect(found(await ask('GET', '?state=replayed'))).toEqual(['0/3 plant1/press-07 version']);
    await waitFor('the audit', 20_000, () =>
      memory.records(logTopics.audit.name).some(({ key }) => key === 'dead-letters/0/3'),
    );
    expect(await registry.metrics()).toContain('fieldline_replay_readings_out_total 3');
    for (const bad of [{ letters: [] }, { letters: ['0/1'], now: true }, { letters: Array(101).fill('0/1') }]) {
      expect((await ask('POST', '/replay', bad)).status).toBe(400);
    }
    expect((await ask('PUT', '/replay')).status).toBe(405);
  });

  it('opens to the operator only', async () => {
    const { gateway, memory } = await withLetters();
    const ask = asking(gateway, 'someone');
    for (const [method, path] of [
      ['GET', ''],
      ['GET', '/0/0'],
      ['POST', '/replay'],
    ] as const)
      expect((await ask(method, path)).status).toBe(401);
    expect(memory.records(letters)).toHaveLength(3);
  });
});

describe('the index of letters', () => {
  const letterOf = (n: number) => ({
    key: 'site/d',
    value: Buffer.from(`${n}`),
    headers: { reason: 'schema', detail: '', stage: 'gateway', source: 'x', receivedUs: '1' },
  });
  const append = (log: MemoryLog, from: number, to: number) =>
    log.append(
      letters,
      Array.from({ length: to - from }, (_, i) => letterOf(from + i)),
    );

  it('holds the newest only, whether they were there before or come while it looks', async () => {
    const log = new MemoryLog();
    await log.ensureTopics(Object.values(logTopics));
    await append(log, 0, 1200);
    const index = new LetterIndex(log, 700);
    const first = await index.list({ limit: 10_000 });
    expect([first.letters.length, first.letters.at(-1)!.position, first.more]).toEqual([700, '0/500', true]);
    await append(log, 1200, 1900);
    const second = await index.list({ limit: 5 });
    expect([second.matched, second.looked, second.letters[0]!.position]).toEqual([700, 700, '0/1899']);
    expect((await index.list({ limit: 700 })).letters.at(-1)!.position).toBe('0/1200');
  });

  it('forgets what is gone from the log', async () => {
    const log = new MemoryLog();
    await log.ensureTopics(Object.values(logTopics));
    await append(log, 0, 10);
    let first = 0;
    const bounds: MemoryLog['bounds'] = async (topic) => (await log.bounds(topic)).map((one) => ({ ...one, first }));
    const index = new LetterIndex({ bounds, read: (...place) => log.read(...place) }, 100);
    expect(await index.list({ limit: 100 })).toMatchObject({ matched: 10, more: false });
    first = 7;
    expect((await index.list({ limit: 100 })).letters.map(({ position }) => position)).toEqual(['0/9', '0/8', '0/7']);
  });
});
