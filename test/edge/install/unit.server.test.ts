import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { ensureServer, haveServers } from '../../servers/ensure.js';
import { MissingServerError, skipOrThrow } from '../../servers/missing-server.js';
import { findProgram, runCommand } from '../../servers/run-command.js';
import { tempDir } from '../../support/temp-dir.js';

const withinMs = 60_000;
const folder = fileURLToPath(new URL('../../../edge/install/', import.meta.url));
const unit = join(folder, 'fieldline-edge.service');

/** A missing program is dealt with as a missing server is. */
function have(program: string): boolean {
  if (findProgram(program) !== undefined) return true;
  skipOrThrow(new MissingServerError(program, 'not installed', 'apt-get install systemd'));
  return false;
}

describe.skipIf(!have('systemd-analyze'))('systemd', () => {
  test('finds no fault in the units', async () => {
    const root = await tempDir();
    for (const units of ['/usr/lib/systemd/system', '/lib/systemd/system'].filter(existsSync).slice(0, 1)) {
      await mkdir(join(root, units), { recursive: true });
      await cp(units, join(root, units), { recursive: true, filter: (path) => !path.includes('.wants') });
    }
    for (const program of ['opt/fieldline/current/node', 'bin/sh', 'sbin/modprobe']) {
      await mkdir(join(root, program, '..'), { recursive: true });
      await writeFile(join(root, program), '', { mode: 0o755 });
    }
    for (const name of ['fieldline-edge.service', 'fieldline-install.service']) {
      await mkdir(join(root, 'etc/systemd/system'), { recursive: true });
      await cp(join(folder, name), join(root, 'etc/systemd/system', name));
      const said: string[] = [];
      const verify = ['verify', '--man=no', '--recursive-errors=no', `--root=${root}`, name];
      await runCommand('systemd-analyze', verify, { withinMs, onLine: (line) => said.push(line) });
      expect(said.filter((line) => line.includes('fieldline'))).toEqual([]);
    }
  });

  test('rates the service at most 1.7', async () => {
    const said = await runCommand(
      'systemd-analyze',
      ['security', '--offline=true', '--threshold=17', '--no-pager', unit],
      { withinMs },
    );
    expect(said).toMatch(/Overall exposure level for fieldline-edge\.service: 1\.[0-7] OK/);
  });
});

describe('the unit', () => {
  test('waits for no network, gives up never, and lets V8 compile', async () => {
    const text = await readFile(unit, 'utf8');
    const lines = text.split('\n').filter((line) => !line.startsWith('#'));
    expect(lines.filter((line) => /^(After|Wants|Requires)=/.test(line))).toEqual(['After=network.target']);
    expect(lines).toEqual(expect.arrayContaining(['Restart=always', 'StartLimitIntervalSec=0', 'NotifyAccess=all']));
    expect(lines.join('\n')).not.toMatch(/MemoryDenyWriteExecute|network-online|SupplementaryGroups/);
  });
});

describe.skipIf(!(await haveServers('shellcheck')))('shellcheck', () => {
  test.each(['install.sh', 'uninstall.sh'])('has nothing to say of %s', async (name) => {
    const { path, env } = await ensureServer('shellcheck');
    await runCommand(path, ['-s', 'sh', join(folder, name)], { env, withinMs });
  });
});
