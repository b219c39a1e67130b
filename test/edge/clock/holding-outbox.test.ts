import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { encodeAlertPack } from '../../../core/contract/alert.js';
import { catalogueUnits } from '../../../core/contract/catalogue.js';
import { decodePack, encodePack, type TransferCoding } from '../../../core/contract/pack.js';
import { uptimeStamp } from '../../../core/contract/uptime-stamps.js';
import { holdingOutbox } from '../../../edge/clock/holding-outbox.js';
import { MemoryOutbox } from '../../../edge/outbox/memory-outbox.js';
import type { Entry } from '../../../edge/outbox/outbox.js';
import { PackThinner } from '../../../edge/outbox/pack-thinner.js';
import { rawPoint, testCatalogue, testPack } from '../../support/packs.js';
import { bootedUs, bootId, holdMs, TestBoard } from './clock-under-test.js';

const catalogue = testCatalogue(['temp']);
const device = { site: 'plant1', device: 'press-07' };

async function holdingOn(board: TestBoard) {
  const resolve = (pack: ReturnType<typeof decodePack>) => board.clock.resolved(pack);
  const thinner = new PackThinner({ device, catalogueHash: () => 'f'.repeat(32), resolve });
  const outbox = new MemoryOutbox({ maxBytes: 1e6, thinner, random: randomBytes });
  await outbox.start();
  const numbers = () => ({ epoch: outbox.epoch, ...outbox.status() });
  const clock = await board.start({ outbox: numbers });
  /** A pack of two readings, at so many seconds after the boot, or in true time. */
  const append = async (second: number, boot: string | undefined, coding?: TransferCoding) => {
    const zeroUs = boot === undefined ? bootedUs : uptimeStamp(0);
    const points = [0, 1].map((i) => rawPoint('temp', zeroUs + second * 1e6 + i, second));
    const encode = (seq: number, epoch: string) => {
      if (boot === bootId) clock.noteUnsynced(seq);
      return encodePack(
        { ...testPack(catalogue, seq, points, epoch), ...(boot && { boot }) },
        catalogueUnits(catalogue),
        coding,
      );
    };
    await outbox.append([{ lane: 'data', readings: 2, encode }]);
  };
  return { outbox, held: holdingOutbox(outbox, clock), clock, thinner, append };
}

const told = (entries: readonly Entry[]) =>
  entries.map(({ seq, payload }) => {
    const { boot, points } = decodePack(payload);
    return [seq, boot ?? 'dated', points[0]!.timeUs - (boot === undefined ? bootedUs : uptimeStamp(0))];
  });

describe('the outbox of a device that does not know the time', () => {
  it('holds packs without a time back, and neither what is older nor alerts', async () => {
    const board = await TestBoard.create();
    const { outbox, held, append } = await holdingOn(board);
    const alert = { sensor: 'temp', rule: 'hot', state: 'raised', severity: 'info', timeUs: uptimeStamp(1) } as const;
    await outbox.append([
      {
        lane: 'alert',
        readings: 0,
        encode: (seq, epoch) =>
          encodeAlertPack({
            ...{ ...device, seq, epoch, bboot: bootId },
            alerts: [{ ...alert, value: 1, threshold: 0, message: '' }],
          }),
      },
    ]);
    await append(1, bootId);
    expect((await held.offer('alert', 9)).map(({ seq }) => seq)).toEqual([0]);
    expect(await held.offer('data', 9, 'newest-session')).toEqual([]);
    expect(await held.offer('data', 9)).toEqual([]);
    // Nobody waits for them to leave when the device stops.
    expect(held.status()).toMatchObject({ pendingPacks: 2, heldPacks: 2 });
    await board.synchronise();
    expect(held.status()).toMatchObject({ pendingPacks: 2, heldPacks: 0 });
  });

  it('lets older packs pass, and gives the others their times once they are known', async () => {
    const board = await TestBoard.create();
    const before = await holdingOn(board);
    await before.append(1, 'c'.repeat(32));
    await before.append(2, undefined);
    // The next process: what is in the outbox belongs to a boot before.
    await before.clock.stop();
    const outbox = before.outbox;
    const clock = await board.start({
      outbox: () => ({ epoch: outbox.epoch, ...outbox.status() }),
      boot: { id: 'd'.repeat(32), uptimeUs: () => 5e6 },
    });
    const held = holdingOutbox(outbox, clock);
    expect(told(await held.offer('data', 9))).toEqual([
      [0, 'c'.repeat(32), 1e6],
      [1, 'dated', 2e6],
    ]);
    expect(clock.heldFrom()).toBe(2);
  });

  it('wakes its uplink when the time is known, and sends the same bytes each time', async () => {
    const board = await TestBoard.create();
    const { outbox, held, append } = await holdingOn(board);
    await append(1, bootId);
    await append(2, bootId, 'identity');
    let kicks = 0;
    const off = held.onAppend(() => (kicks += 1));
    await board.synchronise();
    expect(kicks).toBe(1);
    off();
    const first = await held.offer('data', 9);
    expect(told(first)).toEqual([
      [0, 'dated', 1e6],
      [1, 'dated', 2e6],
    ]);
    expect(first.map(({ payload }) => payload[0])).toEqual([0x78, 0x5b]);
    held.rewind();
    expect(await held.offer('data', 9)).toEqual(first);
    await held.acknowledge([0, 1]);
    await held.resend(0, 1);
    expect(await held.offer('data', 9)).toEqual(first);
    expect(outbox.status().lastSeq).toBe(1);
  });

  it('sends without a time what has waited too long, and stays with that', async () => {
    const board = await TestBoard.create();
    const { held, append } = await holdingOn(board);
    await append(1, bootId);
    await board.system.advance(holdMs + 500);
    const first = await held.offer('data', 9);
    expect(told(first)).toEqual([[0, bootId, 1e6]]);
    await board.synchronise();
    held.rewind();
    expect(await held.offer('data', 9)).toEqual(first);
  });
});

it('thins packs without a time once it is known, and not before', async () => {
  const board = await TestBoard.create();
  const { outbox, clock, thinner } = await holdingOn(board);
  const points = Array.from({ length: 300 }, (_, second) => rawPoint('temp', uptimeStamp(second * 1e6), second));
  const pack = { ...testPack(catalogue, 0, points), boot: bootId };
  await outbox.append([{ lane: 'data', readings: 300, encode: () => encodePack(pack, catalogueUnits(catalogue)) }]);
  const entries = await outbox.offer('data', 1);
  expect(thinner.thin(entries, [[0, 0]], 1, outbox.epoch)).toBeUndefined();
  await board.synchronise();
  expect(clock.unsyncedBoot).toBeUndefined();
  const thinned = decodePack(thinner.thin(entries, [[0, 0]], 1, outbox.epoch)!.payload);
  expect(thinned).not.toHaveProperty('boot');
  expect(thinned.replaces).toEqual([[0, 0]]);
  const windows = thinned.points.filter(({ form }) => form === 'window');
  expect(windows.length).toBeGreaterThanOrEqual(4);
  expect(windows.every(({ timeUs }) => timeUs % 60e6 === 0)).toBe(true);
});
