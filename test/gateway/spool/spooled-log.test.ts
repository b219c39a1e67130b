import { randomBytes } from 'node:crypto';
import { Registry } from 'prom-client';
import { expect, onTestFinished, test } from 'vitest';
import { logTopics } from '../../../core/contract/log-topics.js';
import { systemClock } from '../../../core/runtime/clock.js';
import { RejectedError, RetryableError } from '../../../core/runtime/errors.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import { Pace } from '../../../gateway/spool/pace.js';
import { spoolSchema } from '../../../gateway/spool/spool-config.js';
import { SpooledLog, type SpooledLogOptions } from '../../../gateway/spool/spooled-log.js';
import { FaultyLog } from '../../support/faulty-log.js';
import { MemoryLog } from '../../support/memory-log.js';
import { tempDir } from '../../support/temp-dir.js';
import { waitFor } from '../../servers/wait-for.js';

const readings = logTopics.readings.name;
const mib = 1024 * 1024;

async function openBehind() {
  const memory = new MemoryLog();
  await memory.ensureTopics(Object.values(logTopics));
  return { memory, log: new FaultyLog(memory) };
}

async function openSpool(log: FaultyLog, over: Partial<SpooledLogOptions> = {}) {
  const { maxBytes, maxAgeMs, drainBytesPerSecond } = spoolSchema.parse({});
  const registry = new Registry();
  const seams = { clock: systemClock, logger: silentLogger, registry };
  const directory = over.directory ?? (await tempDir());
  const spool = new SpooledLog({ log, maxBytes, maxAgeMs, drainBytesPerSecond, ...seams, ...over, directory });
  await spool.start();
  onTestFinished(async () => {
    log.release();
    await spool.stop(1000);
  });
  return Object.assign(spool, { registry, directory });
}

const recordOf = (key: string, text: string, headers?: Record<string, string>) => ({
  key,
  value: Buffer.from(text),
  ...(headers && { headers }),
});
const texts = (memory: MemoryLog, topic = readings) =>
  memory.records(topic).map(({ key, value }) => `${key} ${Buffer.from(value).toString()}`);
const forwarded = (spool: SpooledLog) => waitFor('it is empty', 20_000, () => spool.status().pending === 0, 2);

test('acknowledges while the log is away, and forwards all of it in the order of each key, once', async () => {
  const { memory, log } = await openBehind();
  log.hold();
  const spool = await openSpool(log);
  for (let i = 0; i < 40; i += 1) await spool.append(readings, [recordOf(`site/d${i % 3}`, `${i}`, { n: `${i}` })]);
  await spool.append(logTopics.deadLetters.name, [recordOf('site/d0', 'letter', { reason: 'schema' })]);
  await spool.append(logTopics.deviceEvents.name, [recordOf('site/d0/birth/current', 'born')]);
  expect(memory.records(readings)).toEqual([]);
  expect(spool.status()).toMatchObject({ in: 42, out: 0, pending: 42 });
  log.release();
  await forwarded(spool);
  for (const device of [0, 1, 2]) {
    const numbers = texts(memory).filter((text) => text.startsWith(`site/d${device} `));
    expect(numbers).toEqual(
      Array.from({ length: 14 }, (_, i) => `site/d${device} ${device + 3 * i}`).slice(0, numbers.length),
    );
  }
  expect(memory.records(readings)).toHaveLength(40);
  expect(memory.records(readings)[0]).toMatchObject({ headers: { n: expect.any(String) as string } });
  expect(Object.keys(memory.records(readings)[0]!.headers!)).toEqual(['n']);
  expect(memory.records(logTopics.deadLetters.name)[0]!.headers).toEqual({ reason: 'schema' });
  expect(memory.records(logTopics.deviceEvents.name)[0]!.headers).toBeUndefined();
  expect(await spool.registry.metrics()).toContain('fieldline_gateway_spool_records_out_total 42');
});

test('a start goes on where the last run ended, without the log having been there', async () => {
  const { memory, log } = await openBehind();
  log.hold();
  const first = await openSpool(log);
  for (let i = 0; i < 10; i += 1) await first.append(readings, [recordOf('site/d', `${i}`)]);
  await first.stop(50);
  const second = await openSpool(log, { directory: first.directory });
  expect(second.status()).toMatchObject({ in: 0, pending: 10 });
  await second.append(readings, [recordOf('site/d', '10')]);
  log.release();
  await forwarded(second);
  // What the first run was appending when it ended may have arrived as well: at least once, never out of order.
  const found = texts(memory).map((text) => Number(text.split(' ')[1]));
  expect([...new Set(found)].sort((a, b) => a - b)).toEqual(Array.from({ length: 11 }, (_, i) => i));
  expect(found.slice(-11)).toEqual(Array.from({ length: 11 }, (_, i) => i));
});

test('a log that fails now and then loses nothing', async () => {
  const { memory, log } = await openBehind();
  let failures = 3;
  log.fault = () =>
    failures-- > 0 ? { error: new RetryableError('unavailable', 'away'), after: failures === 1 } : undefined;
  const spool = await openSpool(log);
  await spool.append(readings, [recordOf('site/d', 'a'), recordOf('site/d', 'b')]);
  await forwarded(spool);
  expect(texts(memory).slice(-2)).toEqual(['site/d a', 'site/d b']);
});

test('a record that the log refuses is set aside, and holds up nobody', async () => {
  const { memory, log } = await openBehind();
  const isBad = (record: { value: Uint8Array }) => Buffer.from(record.value).toString() === 'bad';
  log.fault = (topic, records) =>
    topic === readings && records.some(isBad) ? { error: new RejectedError('refused', 'no such thing') } : undefined;
  const spool = await openSpool(log);
  await Promise.all(['a', 'bad', 'c'].map((text) => spool.append(readings, [recordOf('site/d', text)])));
  await forwarded(spool);
  expect(texts(memory)).toEqual(['site/d a', 'site/d c']);
  const [letter] = memory.records(logTopics.deadLetters.name);
  expect(letter).toMatchObject({
    key: 'site/d',
    headers: { reason: 'refused', stage: 'spool', source: 'sensor-readings/spool/1' },
  });
});

test('when its bytes are used up nothing more is acknowledged, until the log has taken some', async () => {
  const { memory, log } = await openBehind();
  log.hold();
  const spool = await openSpool(log, { maxBytes: 16 * mib, drainBytesPerSecond: 1e9 });
  // LevelDB would make little of what repeats itself.
  const value = randomBytes(512 * 1024);
  let taken = 0;
  const add = async () => {
    await spool.append(readings, [{ key: 'site/d', value }]);
    taken += 1;
  };
  await expect(
    (async () => {
      while (taken < 64) await add();
    })(),
  ).rejects.toMatchObject({ name: 'RetryableError', code: 'over-budget' });
  expect(taken).toBeGreaterThan(20);
  expect(taken).toBeLessThan(33);
  expect(spool.status().refused).toBe(1);
  log.release();
  await waitFor(
    'there is room again',
    20_000,
    () =>
      add().then(
        () => true,
        () => false,
      ),
    20,
  );
  await forwarded(spool);
  expect(memory.records(readings)).toHaveLength(taken);
  await waitFor('the disk is given back', 20_000, async () => {
    await add().catch(() => undefined);
    return spool.status().bytes < 10 * mib;
  });
});

test('when its oldest record has waited too long nothing more is acknowledged, and nothing is given up', async () => {
  const { memory, log } = await openBehind();
  log.hold();
  let lateUs = 0;
  const clock = { ...systemClock, nowUs: () => systemClock.nowUs() + lateUs };
  const spool = await openSpool(log, { clock, maxAgeMs: 60_000 });
  await spool.append(readings, [recordOf('site/d', 'a')]);
  await waitFor('it is being forwarded', 20_000, () => log.held > 0, 2);
  lateUs = 61e6;
  await expect(spool.append(readings, [recordOf('site/d', 'b')])).rejects.toMatchObject({ code: 'over-budget' });
  expect(spool.healthy()).toBe(false);
  log.release();
  await forwarded(spool);
  await spool.append(readings, [recordOf('site/d', 'b')]);
  await forwarded(spool);
  expect(texts(memory)).toEqual(['site/d a', 'site/d b']);
});

test('a drain keeps to its rate, after a second of grace', async () => {
  let nowMs = 0;
  const clock = { ...systemClock, monotonicMs: () => nowMs, sleep: async (ms: number) => void (nowMs += ms) };
  const pace = new Pace(clock, 1000);
  for (let i = 0; i < 10; i += 1) await pace.pass(500, new AbortController().signal);
  expect(nowMs).toBe(3500);
  nowMs = 100_000;
  for (let i = 0; i < 3; i += 1) await pace.pass(500, new AbortController().signal);
  expect(nowMs).toBe(100_000);
});
