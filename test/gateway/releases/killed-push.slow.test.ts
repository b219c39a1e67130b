import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../core/runtime/clock.js';
import { ReleaseFolder } from '../../../gateway/releases/release-folder.js';
import { uniqueName } from '../../contracts/event-log/harness.js';
import { tempDir } from '../../support/temp-dir.js';
import { makeRelease } from './make-release.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** Kills a process, by SIGKILL, in the middle of an upload into the folder. */
async function killUpload(directory: string, sha256: string): Promise<void> {
  // Inside the project, or the child would not find the packages.
  const outfile = join(root, 'node_modules/.cache', `${uniqueName('upload-forever')}.mjs`);
  onTestFinished(() => rm(outfile, { force: true }));
  const entryPoints = [join(root, 'test/gateway/releases/upload-forever.ts')];
  const target = { platform: 'node', format: 'esm', packages: 'external' } as const;
  await build({ entryPoints, outfile, bundle: true, ...target, logLevel: 'error' });
  const running = spawn(process.execPath, [outfile, directory, sha256], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void running.kill('SIGKILL'));
  await once(running.stdout, 'data');
  running.kill('SIGKILL');
  await once(running, 'close');
}

test('a push that is killed leaves nothing half: the next one brings all, and what was left goes', async () => {
  const directory = await tempDir();
  const [made, other] = [makeRelease('1.0.0'), makeRelease('2.0.0')];
  let aheadUs = 0;
  const clock = { nowUs: () => systemClock.nowUs() + aheadUs };
  const limits = { maxPartBytes: 1e6, maxBytes: 1e6, stallMs: 60_000 };
  // Two processes of one folder.
  const [first, second] = [1, 2].map(() => new ReleaseFolder({ directory, ...limits, clock })) as [
    ReleaseFolder,
    ReleaseFolder,
  ];
  await killUpload(directory, made.sha256);
  const parts = join(directory, 'parts');
  const [left, ...others] = await readdir(parts);
  expect([left, others]).toEqual([expect.stringMatching(/^\.[0-9a-f]{64}\.[0-9a-f]{12}$/), []]);
  expect([await first.openPart(made.sha256), await first.list()]).toEqual([undefined, []]);
  await expect(first.put(made.release, '1.0.0', 'arm64')).rejects.toMatchObject({ code: 'refused' });

  await first.putPart(made.sha256, [made.part] as unknown as AsyncIterable<Uint8Array>);
  await first.put(made.release, '1.0.0', 'arm64');
  expect(await second.list()).toMatchObject([{ manifest: { version: '1.0.0' }, complete: true }]);
  // It might still be an upload of another process.
  expect(await readdir(parts)).toContain(left);
  const foreign = join(parts, '.nobody-knows');
  await writeFile(foreign, 'of somebody else');
  aheadUs = 11 * 60_000_000;
  await second.putPart(other.sha256, [other.part] as unknown as AsyncIterable<Uint8Array>);
  expect((await readdir(parts)).sort()).toEqual(['.nobody-knows', made.sha256, other.sha256].sort());
});
