import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { Command } from 'commander';
import { expect, it, onTestFinished, vi } from 'vitest';
import { addDeviceEnrol } from '../../../cli/commands/device-enrol.js';
import { addDeviceRegistry } from '../../../cli/commands/device-registry.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import { operatorToken } from '../../../core/runtime/operator-token.js';
import { OpsServer } from '../../../core/runtime/ops-server.js';
import { waitFor } from '../../servers/wait-for.js';
import { tempDir } from '../../support/temp-dir.js';
import { press, secret } from '../harness.js';
import { ask } from '../identity/operator.js';
import { askerOf, connectEnrolling, long, startEnrolment, stateOf, tokenFor } from './enrolling.js';

async function open() {
  const test = await startEnrolment();
  const ops = new OpsServer({
    port: 0,
    registry: new Registry(),
    notReady: () => [],
    logger: silentLogger,
    door: test.gateway.door,
  });
  await ops.start();
  onTestFinished(() => ops.stop(100));
  const folder = await tempDir();
  const tokenFile = join(folder, 'operator-token');
  await writeFile(tokenFile, operatorToken(secret));
  const run = async (...words: string[]): Promise<string> => {
    const program = new Command().exitOverride();
    addDeviceEnrol(program);
    addDeviceRegistry(program);
    const said: string[] = [];
    const stdout = vi.spyOn(process.stdout, 'write').mockImplementation((text) => said.push(String(text)) > 0);
    const at = ['--http', `http://127.0.0.1:${ops.port}`, '--token-file', tokenFile];
    await program.parseAsync([...words, ...at], { from: 'user' }).finally(() => stdout.mockRestore());
    return said.join('');
  };
  return { test, run, folder };
}

it('fieldline device enrol prints a token once, or writes it for nobody else; enrolments and unenrol', async () => {
  const { test, run, folder } = await open();
  const token = (await run('enrol', 'plant1/press-07')).trim();
  expect(token).toMatch(/^fle_[0-9a-f]{12}_[\w-]{43}$/);
  const out = join(folder, 'press-07.token');
  const told = JSON.parse(
    await run('enrol', 'plant1/press-07', '--json', '--expires', '2h', '--out', out, '--label', 'spare'),
  ) as {
    id: string;
    expiresUs: number;
    file: string;
  };
  expect(told).toMatchObject({ file: out, owner: 'plant1/press-07' });
  expect(Math.abs(told.expiresUs / 1000 - Date.now() - 7_200_000)).toBeLessThan(600_000);
  expect((await stat(out)).mode & 0o777).toBe(0o600);
  await expect(run('enrol', 'plant1/press-07', '--out', out)).rejects.toThrow(/cannot write/);
  const { tokens } = {
    tokens: JSON.parse(await run('enrolments', 'plant1/press-07', '--json')) as { id: string; state: string }[],
  };
  const { id } = tokens.find(({ state }) => state === 'waiting')!;
  expect(await run('unenrol', 'plant1/press-07', '--token-id', id)).toContain(`${id} revoked`);
  await waitFor('the revocation', long, async () => (await stateOf(test, press, id)) === 'revoked');
  expect(await run('enrolments', 'plant1/press-07')).toMatch(/ {2}revoked {2}made /);
  expect(await run('unenrol', 'plant1/press-07')).toContain('nothing to revoke');
  const written = (await readFile(out, 'utf8')).trim();
  expect(await askerOf().ask(await connectEnrolling(test, written))).toMatchObject({ type: 'refused' });
  expect(await run('list')).toMatch(/^plant1\/press-07 {2}adopted {2}never let in$/m);
});

it('fieldline device list tells which certificate has expired, and what to do', async () => {
  const { test, run } = await open();
  const { cert: certificate } = await test.maker.client('plant1/press-07', {
    nowMs: Date.now() - 5 * 86_400_000,
    days: 2,
  });
  await tokenFor(test);
  expect(await ask(test, 'POST', 'devices/plant1/press-07/credentials', { certificate })).toMatchObject({
    status: 201,
  });
  await waitFor('the line', long, async () =>
    /its certificate expired at 20\S+: fieldline device enrol plant1\/press-07$/m.test(await run('list')),
  );
});
