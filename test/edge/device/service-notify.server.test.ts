import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../core/runtime/clock.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import { ServiceNotify } from '../../../edge/device/service-notify.js';
import { ensureServer, haveServers } from '../../servers/ensure.js';
import { findProgram } from '../../servers/run-command.js';
import { waitFor } from '../../servers/wait-for.js';
import { tempDir } from '../../support/temp-dir.js';

/** A socket as systemd has it, and what came. */
async function serviceManager() {
  const path = join(await tempDir(), 'notify');
  const { path: socat, env } = await ensureServer('socat');
  const child = spawn(socat, ['-u', `UNIX-RECV:${path}`, 'STDOUT'], { env: { ...process.env, ...env } });
  onTestFinished(() => void child.kill('SIGKILL'));
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await waitFor('the socket', 10_000, () => existsSync(path));
  // The real program, which would wait five seconds for an answer that only systemd gives.
  const bin = join(path, '../bin');
  mkdirSync(bin);
  const program = `#!/bin/sh\nexec ${findProgram('systemd-notify')} --no-block "$@"\n`;
  writeFileSync(join(bin, 'systemd-notify'), program, { mode: 0o755 });
  return { path, bin, said: () => said };
}

const canTell = (await haveServers('socat')) && findProgram('systemd-notify') !== undefined;

test.skipIf(!canTell)('systemd hears that the agent is up, lives, what it does, and that it stops', async () => {
  const manager = await serviceManager();
  let [isAlive, line] = [true, 'connected'];
  const notify = new ServiceNotify({
    environment: { NOTIFY_SOCKET: manager.path, WATCHDOG_USEC: '300000', PATH: manager.bin },
    ...{ isAlive: () => isAlive, status: () => line, clock: systemClock, logger: silentLogger },
  });
  await notify.start();
  await waitFor('READY', 10_000, () => manager.said().includes('READY=1'));
  expect(manager.said()).toContain('STATUS=connected');
  await waitFor('signs of life', 10_000, () => manager.said().split('WATCHDOG=1').length > 3);

  // What is stuck is not said to live.
  isAlive = false;
  line = 'stuck';
  await waitFor('the status', 10_000, () => manager.said().includes('STATUS=stuck'));
  expect(manager.said().split('STATUS=stuck')[1]).not.toContain('WATCHDOG');
  await notify.stop();
  await waitFor('the end', 10_000, () => manager.said().includes('STOPPING=1'));
});

test('where nobody asks nothing is started', async () => {
  const environment = { PATH: '/nowhere' };
  const status = (): never => expect.fail('nobody asked');
  const notify = new ServiceNotify({ environment, isAlive: status, status, clock: systemClock, logger: silentLogger });
  await notify.start();
  await notify.stop();
});
