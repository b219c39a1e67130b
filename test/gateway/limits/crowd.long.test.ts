import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { secret } from '../harness.js';
import { crowdIn, crowdOf, report } from './crowd.js';
import { startGatewayProcess } from './gateway-process.js';
import { holdIdle } from './idle.js';

const tlsFile = (name: string): string => fileURLToPath(new URL(`../../fixtures/tls/${name}`, import.meta.url));

// Both sides have a descriptor for each connection: ulimit -n must be beyond 10,000.
it('ten thousand idle connections', async () => {
  const gateway = await startGatewayProcess({ mqtt: { port: 0 } }, secret);
  onTestFinished(() => gateway.end());
  const { kbEach, text } = await holdIdle(gateway, 10_000);
  console.log(`[crowd] ${text}`);
  expect(kbEach).toBeLessThan(100);
});

it.each([
  ['without TLS', undefined],
  ['with TLS', { key: tlsFile('gateway-key.pem'), cert: tlsFile('gateway-cert.pem') }],
])('five thousand devices come back at once, %s', async (name, tls) => {
  const gateway = await startGatewayProcess({ mqtt: { port: 0, ...(tls && { tls }) } }, secret);
  onTestFinished(() => gateway.end());
  const before = await gateway.usage();
  const options = { port: gateway.port, devices: crowdOf(5000), ...(tls && { ca: readFileSync(tls.cert) }) };
  const crowd = await crowdIn(options);
  onTestFinished(() => crowd.sockets.forEach((socket) => socket.destroy()));
  const after = await gateway.usage();
  const cpu = (after.cpuSeconds - before.cpuSeconds).toFixed(1);
  console.log(`[crowd] ${report(`5,000 devices ${name}`, crowd)}; ${cpu} s of CPU`);
  expect(crowd.servedMs).toHaveLength(5000);
  expect(after.status).toMatchObject({ connections: 5000, heldMessages: 0 });
});
