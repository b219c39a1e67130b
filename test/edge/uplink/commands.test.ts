import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { DeviceCommandResult } from '../../../core/contract/device-commands.js';
import { RetryableError } from '../../../core/runtime/errors.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import { JsonFile } from '../../../edge/json-file.js';
import { LevelOutbox } from '../../../edge/outbox/level-outbox.js';
import { CommandJournal, journalSchema } from '../../../edge/uplink/command-journal.js';
import { Commands, type CommandsOptions } from '../../../edge/uplink/commands.js';
import { tracedEntry } from '../../contracts/outbox/traced-pack.js';
import { tempDir } from '../../support/temp-dir.js';
import { levelOptions } from '../outbox/level-under-test.js';
import { memoryOutbox } from './uplink-under-test.js';

const nowUs = 1_795_251_180_000_000;
let path: string;
let restarted: string[];

beforeEach(async () => {
  path = join(await tempDir(), 'commands.json');
  restarted = [];
});

const fileJournal = () => new CommandJournal(new JsonFile(path, journalSchema, silentLogger));

async function commands(over: Partial<CommandsOptions> = {}): Promise<Commands> {
  const restartSensor = async (name: string) => void restarted.push(name);
  const clock = { nowUs: () => nowUs };
  const journal = fileJournal();
  const outbox = over.outbox ?? (await memoryOutbox());
  return new Commands({ outbox, journal, clock, logger: silentLogger, restartSensor, ...over });
}

const say = (one: Commands, id: string, command: object): Promise<DeviceCommandResult> =>
  one.obey(id, Buffer.from(JSON.stringify(command)));
const restart = { type: 'restart-sensor', name: 'room' };

describe('a command', () => {
  it('runs once, however often it comes, at once or after a restart, and is answered the same', async () => {
    const first = await commands();
    const answers = await Promise.all([1, 2, 3].map(() => say(first, 'c1', restart)));
    answers.push(await say(first, 'c1', restart), await say(await commands(), 'c1', restart));
    expect(answers).toEqual(Array(5).fill({ ok: true }));
    expect(restarted).toEqual(['room']);
  });

  it('that failed is not tried again, and answered the same', async () => {
    let tries = 0;
    const restartSensor = () => Promise.reject(new Error(`try ${(tries += 1)}`));
    const first = await commands({ restartSensor });
    expect(await say(first, 'c1', restart)).toEqual({ ok: false, error: 'try 1' });
    expect(await say(await commands({ restartSensor }), 'c1', restart)).toEqual({ ok: false, error: 'try 1' });
  });

  it('that a crash interrupted is not run again', async () => {
    await fileJournal().begin('c1');
    const answer = await say(await commands(), 'c1', restart);
    expect(answer).toMatchObject({ ok: false, error: expect.stringContaining('begun before a restart') as string });
    expect(restarted).toEqual([]);
  });

  it('is not begun if that cannot be noted, and may come again', async () => {
    const file = new JsonFile(path, journalSchema, silentLogger);
    const save = file.save.bind(file);
    file.save = () => Promise.reject(new RetryableError('disk-full', 'no room'));
    const one = await commands({ journal: new CommandJournal(file) });
    expect(await say(one, 'c1', restart)).toEqual({ ok: false, error: 'no room' });
    file.save = save;
    expect(await say(one, 'c1', restart)).toEqual({ ok: true });
    expect(restarted).toEqual(['room']);
  });

  it('is not carried out after its time', async () => {
    const one = await commands();
    const late = { ...restart, expiresUs: nowUs - 1 };
    expect(await say(one, 'c1', late)).toEqual({ ok: false, error: 'it has expired' });
    expect(await say(one, 'c2', { ...restart, expiresUs: nowUs })).toEqual({ ok: true });
    expect(restarted).toEqual(['room']);
  });

  it('that expires waits for a clock: refused now, and free to come again', async () => {
    let known = false;
    const one = await commands({ isClockKnown: () => known });
    const command = { ...restart, expiresUs: nowUs + 1 };
    expect(await say(one, 'c1', command)).toMatchObject({ ok: false });
    expect(await say(one, 'c2', restart)).toEqual({ ok: true });
    known = true;
    expect(await say(one, 'c1', command)).toEqual({ ok: true });
  });

  it('that cannot be understood is an answer', async () => {
    const one = await commands();
    expect(await one.obey('c1', Buffer.from('hello'))).toEqual({ ok: false, error: 'command is not JSON' });
    expect(await say(one, 'c2', { type: 'dance' })).toMatchObject({ ok: false });
  });

  it('asks how the device is', async () => {
    const one = await commands({ status: () => ({ sensors: 3 }) });
    expect(await say(one, 'c1', { type: 'report-status' })).toEqual({ ok: true, status: { sensors: 3 } });
  });
});

it('the journal is bounded in entries and in bytes, and keeps the newest', async () => {
  const journal = fileJournal();
  for (let i = 0; i < 300; i += 1) await journal.end(`c${i}`, { ok: true });
  expect([await journal.find('c43'), await journal.find('c44')].map((entry) => entry?.id)).toEqual([undefined, 'c44']);
  await journal.end('long', { ok: true, status: { text: 'x'.repeat(300_000) } });
  expect((await journal.find('long'))?.id).toBe('long');
  expect(await journal.find('c299')).toBeUndefined();
});

describe('a new epoch', () => {
  it('begins by what this connection has said, though the device has given out higher numbers since', async () => {
    const outbox = await levelOutbox();
    const one = await commands({ outbox });
    const order = { type: 'new-epoch', epoch: outbox.epoch, seen: 1, session: 'now' };
    const payload = Buffer.from(JSON.stringify(order));
    expect(await one.obey('c1', payload, 'later')).toMatchObject({ ok: false });
    expect(await one.obey('c2', payload, 'now')).toEqual({ ok: true, epoch: outbox.epoch });
  });

  async function levelOutbox() {
    const outbox = new LevelOutbox(levelOptions(await tempDir(), { random: randomBytes }));
    await outbox.start();
    onTestFinished(() => outbox.stop(1000));
    await outbox.append([0, 1, 2].map((i) => tracedEntry('data', [`r${i}`])));
    return outbox;
  }
  const claim = (payload: Uint8Array) => ({ crc32: crc32(payload) });

  it('begins when the gateway has another pack under a number of ours', async () => {
    const outbox = await levelOutbox();
    const { epoch } = outbox;
    const one = await commands({ outbox });
    const own = (await outbox.payloadOf(1))!;
    const same = { type: 'new-epoch', epoch, seen: 2, conflict: { seq: 1, ...claim(own) } };
    expect(await say(one, 'c1', same)).toMatchObject({ ok: false });
    const unknown = { ...same, conflict: { seq: 7, ...claim(own) } };
    expect(await say(one, 'c2', unknown)).toMatchObject({ ok: false });
    const other = { ...same, conflict: { seq: 1, ...claim(Buffer.from('other')) } };
    const answer = await say(one, 'c3', other);
    expect(answer).toEqual({ ok: true, epoch: outbox.epoch });
    expect(outbox.epoch).not.toBe(epoch);
    expect(outbox.status()).toMatchObject({ lastSeq: 2, pendingPacks: 3 });
    // For the old epoch it is over.
    expect(await say(one, 'c4', other)).toMatchObject({ ok: false });
    expect(await say(one, 'c3', other)).toEqual(answer);
  });
});
