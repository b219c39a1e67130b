import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { systemClock as clock } from '../../../core/runtime/clock.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import { ConnectionStream } from '../../../gateway/broker/connection-stream.js';
import { HoldBudget } from '../../../gateway/broker/hold-budget.js';
import { Refusals } from '../../../gateway/broker/refusals.js';

const deviceRates = { messagesPerSecond: Infinity, bytesPerSecond: Infinity };
const holdLimits = { maxDeviceBytes: 1e6, maxDeviceMessages: 100, maxTotalBytes: 1e6, deviceRates };

it('who does not read the answers is not read from, until they are taken', async () => {
  let take: () => void = () => undefined;
  // A peer whose window is shut: nothing that is written is taken.
  const socket = new Duplex({
    writableHighWaterMark: 16,
    read: () => undefined,
    write: (_chunk, _encoding, done) => void (take = done),
  });
  const stream = new ConnectionStream(socket as Socket, {
    limits: { maxPublishBytes: 1000, maxControlBytes: 1000 },
    maxUnsentBytes: 1e6,
    budget: new HoldBudget(holdLimits, clock),
    publishes: { publish: () => true, pubrel: () => true, gone: () => undefined },
    refusals: new Refusals(new Registry(), silentLogger, clock),
    clock,
  });
  stream.writeAnswers(Buffer.alloc(8));
  expect(socket.isPaused()).toBe(false);
  stream.writeAnswers(Buffer.alloc(16));
  expect(socket.isPaused()).toBe(true);
  stream.read(0);
  expect(socket.isPaused()).toBe(true);
  const drained = new Promise((resolve) => socket.once('drain', resolve));
  while (socket.writableLength > 0) {
    take();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await drained;
  expect(socket.isPaused()).toBe(false);
  stream.destroy();
});
