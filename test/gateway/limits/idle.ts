import { onTestFinished } from 'vitest';
import { waitFor } from '../../servers/wait-for.js';
import { crowdIn, crowdOf } from './crowd.js';
import type { GatewayProcess } from './gateway-process.js';

/** Connects so many devices and leaves them; tells what the gateway takes for them. */
export async function holdIdle(gateway: GatewayProcess, count: number): Promise<{ kbEach: number; text: string }> {
  // What the first connections load is not theirs.
  const warm = await crowdIn({ port: gateway.port, devices: crowdOf(50) });
  const before = await gateway.usage();
  const crowd = await crowdIn({ port: gateway.port, devices: crowdOf(count + 50).slice(50) });
  onTestFinished(() => [...warm.sockets, ...crowd.sockets].forEach((socket) => socket.destroy()));
  await waitFor('a quiet gateway', 30_000, async () => (await gateway.usage()).status.heldMessages === 0);
  const after = await gateway.usage();
  const kbEach = ((after.rssMb - before.rssMb) * 1024) / count;
  const numbers = `RSS ${before.rssMb.toFixed(0)} → ${after.rssMb.toFixed(0)} MB, heap ${before.heapMb.toFixed(0)} → ${after.heapMb.toFixed(0)} MB`;
  const cpu = `${(((after.cpuSeconds - before.cpuSeconds) * 1000) / count).toFixed(2)} ms of CPU to let one in`;
  const text = `${after.status.connections} idle connections: ${numbers}, ${kbEach.toFixed(1)} kB each, ${cpu}`;
  return { kbEach, text };
}
