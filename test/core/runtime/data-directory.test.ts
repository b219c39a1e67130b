import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openDataDirectory } from '../../../core/runtime/data-directory.js';
import { tempDir } from '../../support/temp-dir.js';

async function holder(path: string, pid: number): Promise<void> {
  await writeFile(join(path, 'lock.json'), JSON.stringify({ pid, startTicks: '', command: 'the other one' }));
}

it('names the process that holds it', async () => {
  const path = await tempDir();
  const sleeper = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  await holder(path, sleeper.pid!);
  await expect(openDataDirectory(path)).rejects.toThrow(`in use by process ${sleeper.pid} (the other one)`);
  sleeper.kill('SIGKILL');
  await once(sleeper, 'exit');
  const data = await openDataDirectory(path);
  await data.release();
});

it('takes over a lock whose number belongs to a later process', async () => {
  const path = await tempDir();
  const lock = { pid: process.ppid, startTicks: 'another start', command: 'long gone' };
  await writeFile(join(path, 'lock.json'), JSON.stringify(lock));
  await (await openDataDirectory(path)).release();
});

it('takes over a torn lock, and can be opened again after a release', async () => {
  const path = await tempDir();
  await writeFile(join(path, 'lock.json'), '{"pid"');
  await (await openDataDirectory(path)).release();
  await (await openDataDirectory(path)).release();
});

it('refuses data of a newer program, and lets go of the directory', async () => {
  const path = await tempDir();
  await writeFile(join(path, 'format'), '2\n');
  for (let i = 0; i < 2; i += 1)
    await expect(openDataDirectory(path)).rejects.toMatchObject({ code: 'bad-data-format' });
});
