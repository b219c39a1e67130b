import { Registry } from 'prom-client';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Fleet } from '../../../cloud/serve/fleet.js';
import { GapResender } from '../../../cloud/serve/gap-resender.js';
import { commandRecordSchema } from '../../../core/contract/command-record.js';
import { logTopics } from '../../../core/contract/log-topics.js';
import { SequenceRanges } from '../../../core/contract/sequence-ranges.js';
import { silentLogger as logger } from '../../../core/runtime/logger.js';
import { waitFor } from '../../servers/wait-for.js';
import { ManualClock } from '../../support/manual-clock.js';
import { MemoryLog } from '../../support/memory-log.js';
import { testEpoch } from '../../support/packs.js';
import { TestDevice } from '../../support/test-device.js';

const afterMs = 300_000;
const source = `plant1/press-07/${testEpoch}`;

/** A device that gave out 0 to 9 and says that `pending` of them are not acknowledged; the store has `stored`. */
async function openGap(stored: string, { pending = 0, held = 0 } = {}) {
  const clock = new ManualClock();
  const log = new MemoryLog(() => clock.nowUs());
  await log.start();
  await log.ensureTopics(Object.values(logTopics));
  const device = new TestDevice(log);
  await device.announce();
  device.nextSeq = 10;
  const beat = {
    type: 'heartbeat',
    session: device.session,
    epoch: testEpoch,
    lastSeq: 9,
    oldestHeld: held,
    timeUs: 1,
  };
  const value = Buffer.from(JSON.stringify({ ...beat, pending, bytes: 1 }));
  await log.append(logTopics.deviceEvents.name, [{ key: 'plant1/press-07/heartbeat/current', value }]);
  const fleet = new Fleet({ log, clock, logger, registry: new Registry(), silentAfterMs: 1e9 });
  await fleet.start();
  onTestFinished(() => fleet.stop(100));
  const ledger = new Map([[source, SequenceRanges.parse(stored)]]);
  const store = { ledger: async () => ledger };
  const resender = new GapResender({ log, store, fleet, clock, logger, registry: new Registry(), afterMs });
  await waitFor('the heartbeat', 20_000, () => fleet.devices()[0]?.lastBeat());
  const orders = () =>
    log
      .records(logTopics.deviceEvents.name)
      .filter(({ key }) => key.includes('/command/'))
      .map(({ value: said }) => commandRecordSchema.parse(JSON.parse(Buffer.from(said).toString())).command);
  return { clock, log, resender, ledger, orders };
}

describe('packs that the store lacks', () => {
  test('are asked for when they were missing long enough, three times at most and ever later', async () => {
    const { clock, resender, orders } = await openGap('0-2,5-9');
    await resender.look();
    await clock.advance(afterMs - 1);
    await resender.look();
    expect(orders()).toEqual([]);
    await clock.advance(1);
    await resender.look();
    expect(orders()).toEqual([{ type: 'resend', epoch: testEpoch, from: 3, to: 4 }]);
    await clock.advance(2 * afterMs - 1);
    await resender.look();
    expect(orders()).toHaveLength(1);
    await clock.advance(1);
    await resender.look();
    expect(orders()).toHaveLength(2);
    for (let i = 0; i < 20; i += 1) {
      await clock.advance(afterMs);
      await resender.look();
    }
    expect(orders()).toHaveLength(3);
  });

  test('are not asked for if they came meanwhile', async () => {
    const { clock, resender, ledger, orders } = await openGap('0-2,5-9');
    await resender.look();
    ledger.get(source)!.add(3, 4);
    await clock.advance(2 * afterMs);
    await resender.look();
    await clock.advance(2 * afterMs);
    await resender.look();
    expect(orders()).toEqual([]);
  });

  test.each([
    ['the device has not sent them yet', '0-2,5-9', { pending: 2 }],
    ['the device does not hold them any more', '0-2,5-9', { held: 5 }],
    ['the device holds nothing', '0-2', { held: 10 }],
    ['nothing of it is stored', '', {}],
  ])('are not asked for while %s', async (_why, stored, over) => {
    const { clock, resender, ledger, orders } = await openGap(stored, over);
    if (stored === '') ledger.clear();
    for (let i = 0; i < 3; i += 1) {
      await resender.look();
      await clock.advance(afterMs);
    }
    expect(orders()).toEqual([]);
  });

  test('are not asked for while much waits in the log', async () => {
    const { clock, log, resender, orders } = await openGap('0-2,5-9');
    const record = { key: 'plant1/press-07', value: new Uint8Array(1) };
    await resender.look();
    await log.append(
      logTopics.readings.name,
      Array.from({ length: 1001 }, () => record),
    );
    await clock.advance(afterMs);
    await resender.look();
    await clock.advance(afterMs);
    await resender.look();
    expect(orders()).toEqual([]);
  });
});
