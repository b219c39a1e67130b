import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { systemClock } from '../../../core/runtime/clock.js';
import { DiskBudget, type Shedder } from '../../../core/runtime/disk-budget.js';
import { silentLogger } from '../../../core/runtime/logger.js';

function shedder(name: string, bytes: number, sheddable: number, order: string[]): Shedder & { used: number } {
  return {
    name,
    used: bytes,
    bytes() {
      return Promise.resolve(this.used);
    },
    shed(wanted) {
      order.push(name);
      const went = Math.min(wanted, sheddable);
      this.used -= went;
      sheddable -= went;
      return Promise.resolve({ bytes: went, readings: went });
    },
  };
}

function budget(shedders: Shedder[]) {
  const told: boolean[] = [];
  const registry = new Registry();
  const options = {
    maxBytes: 1000,
    shedders,
    onFull: (full: boolean) => told.push(full),
    clock: systemClock,
    logger: silentLogger,
    registry,
  };
  return { budget: new DiskBudget(options), told };
}

it('does nothing while there is room', async () => {
  const order: string[] = [];
  const { budget: b, told } = budget([shedder('log', 400, 400, order), shedder('store', 400, 400, order)]);
  await b.check();
  expect([order, told]).toEqual([[], []]);
});

it('sheds in order, only as far as needed', async () => {
  const order: string[] = [];
  const log = shedder('log', 500, 100, order);
  const store = shedder('store', 450, 400, order);
  const { budget: b, told } = budget([log, store]);
  await b.check();
  expect([order, log.used, store.used, told]).toEqual([['log', 'store'], 400, 400, []]);
});

it('stops intake when nothing more can go, and lets it go on when there is room again', async () => {
  const log = shedder('log', 1200, 0, []);
  const { budget: b, told } = budget([log]);
  await b.check();
  log.used = 100;
  await b.check();
  expect(told).toEqual([true, false]);
});
