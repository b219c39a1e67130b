import { describe, expect, it } from 'vitest';
import { waitFor } from '../../servers/wait-for.js';
import type { MemoryLog } from '../../support/memory-log.js';
import { startGateway } from '../harness.js';
import { bornEpochs, Card, Clones, drained, everyReading, stored } from './cards.js';

const seen = (log: MemoryLog) => log.records('sensor-readings').length;

/** A device that was backed up after some packs, and went on. */
async function backedUp(clones: Clones, log: MemoryLog) {
  const card = await Card.blank();
  const first = await clones.boot(card);
  await waitFor('packs', 10_000, () => seen(log) > 8, 5);
  await drained(first);
  const backup = await card.copy();
  const second = await clones.boot(card);
  const before = seen(log);
  await waitFor('more packs', 10_000, () => seen(log) > before + 10, 5);
  await drained(second);
  return { card, backup };
}

function expectEveryReadingOnce(clones: Clones, log: MemoryLog): void {
  const { readings, conflicts } = stored(log);
  expect(readings).toEqual(everyReading(clones));
  expect(conflicts).toBe(0);
}

describe('a card that was restored from a backup', () => {
  it('begins a new epoch, loses no reading, and none takes the place of another', async () => {
    const { gateway, memory, port } = await startGateway();
    const clones = new Clones(() => port);
    const { card, backup } = await backedUp(clones, memory);
    await card.restore(backup);
    const restored = await clones.boot(card);
    await waitFor('the new epoch', 10_000, () => bornEpochs(memory).size === 2, 20);
    await drained(restored);
    expectEveryReadingOnce(clones, memory);
    expect(gateway.status().messages['result']).toBeGreaterThan(0);
  }, 60_000);

  it('is found by a gateway that starts later, from what the device had said of itself', async () => {
    const first = await startGateway();
    let { port } = first;
    const clones = new Clones(() => port);
    const { card, backup } = await backedUp(clones, first.memory);
    await first.gateway.stop(1000);
    port = (await startGateway({ log: first.memory })).port;
    await card.restore(backup);
    const restored = await clones.boot(card);
    await waitFor('the new epoch', 10_000, () => bornEpochs(first.memory).size === 2, 20);
    await drained(restored);
    expectEveryReadingOnce(clones, first.memory);
  }, 60_000);

  it('is found even if it has measured alone for longer than what it lost', async () => {
    const { memory, port } = await startGateway();
    let to = port;
    const clones = new Clones(() => to);
    const { card, backup } = await backedUp(clones, memory);
    await card.restore(backup);
    to = 1;
    const alone = await clones.boot(card);
    const gap = 30;
    const begun = alone.status().outbox.lastSeq;
    await waitFor('a longer sequence', 20_000, () => alone.status().outbox.lastSeq > begun + gap, 20);
    await alone.stop(1000);
    to = port;
    const back = await clones.boot(card);
    await waitFor('the new epoch', 20_000, () => bornEpochs(memory).size === 2, 20);
    await drained(back);
    expectEveryReadingOnce(clones, memory);
  }, 60_000);
});

it('two devices with one card, both at work, lose no reading and store none for another', async () => {
  const { memory, port } = await startGateway();
  const clones = new Clones(() => port);
  const card = await Card.blank();
  const first = await clones.boot(card);
  await waitFor('packs', 10_000, () => seen(memory) > 8, 5);
  await drained(first);
  const copy = await card.copy();
  const [one, other] = await Promise.all([clones.boot(card), clones.boot(copy)]);
  await waitFor('packs of both', 30_000, () => bornEpochs(memory).size >= 2 && seen(memory) > 60, 20);
  // They take the connection from each other for as long as both are there.
  await other.stop(1000);
  await drained(one);
  await drained(await clones.boot(copy));
  expectEveryReadingOnce(clones, memory);
}, 90_000);
