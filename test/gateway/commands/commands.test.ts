import { expect, it, onTestFinished } from 'vitest';
import { commandRecordSchema } from '../../../core/contract/command-record.js';
import { logTopics } from '../../../core/contract/log-topics.js';
import { deviceKey, type DeviceId } from '../../../core/contract/names.js';
import { RetryableError } from '../../../core/runtime/errors.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import { Commands } from '../../../gateway/commands/commands.js';
import { statusOf } from '../../../gateway/commands/command-book.js';
import { DeviceEvents } from '../../../gateway/desired/device-events.js';
import { waitFor } from '../../servers/wait-for.js';
import { ManualClock } from '../../support/manual-clock.js';
import { MemoryLog } from '../../support/memory-log.js';
import { oven, press } from '../harness.js';

const keepMs = 86_400_000;

/** The commands of one gateway over a log; `connected` are the devices that it has. */
async function openCommands(clock: ManualClock, log: MemoryLog, connected: DeviceId[] = []) {
  await log.ensureTopics(Object.values(logTopics));
  const sent: string[] = [];
  const commands = new Commands({
    log,
    clock,
    logger: silentLogger,
    random: Math.random,
    keepMs,
    publish: async (device, id) => {
      if (!connected.map(deviceKey).includes(deviceKey(device))) throw new RetryableError('unavailable', 'not here');
      sent.push(`${deviceKey(device)} ${id}`);
    },
  });
  const events = new DeviceEvents({ log, clock, logger: silentLogger, listeners: [(e) => commands.learn(e)] });
  await events.start();
  await commands.start();
  onTestFinished(async () => {
    await commands.stop();
    await events.stop(100);
  });
  return { commands, sent };
}
const known = (commands: Commands, id: string) => waitFor(`${id} is known`, 20_000, () => commands.get(press, id));

it('is over at its expiry, or after the time that commands are kept, and then it is not sent', async () => {
  const clock = new ManualClock();
  const { commands, sent } = await openCommands(clock, new MemoryLog(), [press]);
  const expiresUs = clock.nowUs() + 1_000_000;
  const short = await commands.give(press, { type: 'report-status', expiresUs }, 'operator');
  const long = await commands.give(press, { type: 'report-status' }, 'operator');
  await known(commands, short.id);
  await known(commands, long.id);
  const statuses = () => [short, long].map(({ id }) => statusOf(commands.get(press, id)!, clock.nowUs()));
  expect(statuses()).toEqual(['pending', 'pending']);
  clock.stepWall(1001);
  expect(statuses()).toEqual(['expired', 'pending']);
  commands.reads(press);
  await waitFor('the other is sent', 20_000, () => statuses()[1] === 'sent');
  expect(sent).toEqual([`plant1/press-07 ${long.id}`]);
  clock.stepWall(keepMs);
  expect(statuses()).toEqual(['expired', 'expired']);
  commands.reads(press);
  expect(sent).toHaveLength(1);
});

it('is said once for each coming, however often the log tells it', async () => {
  const clock = new ManualClock();
  const log = new MemoryLog();
  const { commands, sent } = await openCommands(clock, log, [press]);
  commands.reads(press);
  const { id, record } = await commands.give(press, { type: 'report-status' }, 'operator');
  await waitFor('it is known as sent', 20_000, () => commands.get(press, id)?.record.sentUs);
  await log.append(logTopics.deviceEvents.name, [
    { key: `plant1/press-07/command/${id}`, value: Buffer.from(JSON.stringify(record)) },
  ]);
  const last = await commands.give(oven, { type: 'report-status' }, 'operator');
  await waitFor('the log was read', 20_000, () => commands.get(oven, last.id));
  expect(sent).toEqual([`plant1/press-07 ${id}`]);
  commands.came(press);
  expect(sent).toHaveLength(1);
  commands.reads(press);
  expect(sent).toHaveLength(2);
});

it('what is long over is removed from the log, answers after their commands', async () => {
  const clock = new ManualClock();
  const log = new MemoryLog(() => clock.nowUs());
  const { commands } = await openCommands(clock, log);
  const { id } = await commands.give(press, { type: 'report-status' }, 'operator');
  const answer = { type: 'command-result', receivedUs: clock.nowUs(), result: { ok: true } };
  const orphan = { key: 'plant1/press-07/command-result/orphan', value: Buffer.from(JSON.stringify(answer)) };
  await log.append(logTopics.deviceEvents.name, [{ ...orphan, key: `plant1/press-07/command-result/${id}` }, orphan]);
  await waitFor('the answer', 20_000, () => commands.get(press, id)?.answer);
  await commands.removeOld();
  expect(commands.get(press, id)).toBeDefined();
  clock.stepWall(2 * keepMs + 1);
  await commands.removeOld();
  await waitFor('it is gone', 20_000, () => !commands.get(press, id));
  const removed = log.records(logTopics.deviceEvents.name).filter(({ value }) => value.byteLength === 0);
  const keys = new Set(removed.map(({ key }) => key));
  expect(keys).toContain(`plant1/press-07/command/${id}`);
  expect(keys).toContain(`plant1/press-07/command-result/${id}`);
  expect(keys).toContain('plant1/press-07/command-result/orphan');
});

it('a record that is none is left alone', async () => {
  const log = new MemoryLog();
  const { commands } = await openCommands(new ManualClock(), log);
  const records = ['{', '{}', JSON.stringify({ type: 'command', command: { type: 'dance' } })];
  for (const value of records) {
    await log.append(logTopics.deviceEvents.name, [{ key: 'plant1/press-07/command/x', value: Buffer.from(value) }]);
  }
  const { id, record } = await commands.give(press, { type: 'restart-sensor', name: 't1' }, 'operator');
  await known(commands, id);
  expect(commandRecordSchema.parse(record)).toEqual(record);
  expect(commands.of(press)).toHaveLength(1);
});
