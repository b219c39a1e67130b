import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { systemClock, type Clock } from '../../../core/runtime/clock.js';
import { waitFor } from '../../servers/wait-for.js';
import { openUplink } from './uplink-under-test.js';

/** A server that answers every CONNECT with this return code. */
async function refuseAll(returnCode: number): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(Buffer.of(0x20, 2, 0, returnCode)));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `mqtt://127.0.0.1:${(server.address() as { port: number }).port}`;
}

/** The first waits of an uplink that is refused, each of which ends at once. */
async function firstWaits(returnCode: number): Promise<number[]> {
  const waits: number[] = [];
  const clock: Clock = {
    ...systemClock,
    sleep: (ms, signal) => {
      if (waits.length < 3) waits.push(ms);
      return systemClock.sleep(waits.length < 3 ? 0 : ms, signal);
    },
  };
  const { uplink } = await openUplink(await refuseAll(returnCode), { clock, random: () => 0 });
  await uplink.start();
  await waitFor('three tries', 10_000, () => waits.length === 3);
  expect(uplink.status().connected).toBe(false);
  return waits;
}

it('a gateway that has no room for a device is left alone for longer than one that is away', async () => {
  expect(await firstWaits(3)).toEqual([5000, 10_000, 20_000]);
  expect(await firstWaits(5)).toEqual([20, 40, 80]);
});
