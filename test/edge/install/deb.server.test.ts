import { mkdir, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { debianPackage, type DebOptions } from '../../../edge/install/deb.js';
import { installFiles } from '../../../edge/install/install-files.js';
import { ensureServer, haveServers } from '../../servers/ensure.js';
import { MissingServerError, skipOrThrow } from '../../servers/missing-server.js';
import { findProgram, runCommand } from '../../servers/run-command.js';
import { exists, treeOf } from '../../support/card.js';
import { smallRelease, thisArch } from '../../support/installable-release.js';
import { tempDir } from '../../support/temp-dir.js';

const withinMs = 60_000;
const setup = { ...(await smallRelease()), identity: { kind: 'token', token: 'secret-of-pi-07' } as const };
const files = installFiles(setup);
const options: DebOptions = { version: '0.1.0+1f2e-3d4c', arch: thisArch() };

function have(program: string): boolean {
  if (findProgram(program) !== undefined) return true;
  skipOrThrow(new MissingServerError(program, 'not installed', 'apt-get install dpkg'));
  return false;
}

/** The package as a file, in a folder of the test. */
async function packed(of: DebOptions = options): Promise<string> {
  const file = join(await tempDir(), 'fieldline-edge.deb');
  await writeFile(file, await debianPackage(files, of));
  return file;
}

describe('debianPackage', () => {
  test('gives the same bytes for the same files', async () => {
    expect(Buffer.compare(await debianPackage(files, options), await debianPackage(files, options))).toBe(0);
  });
});

describe.skipIf(!have('dpkg-deb'))('dpkg', () => {
  test('reads what it is', async () => {
    const said = await runCommand(
      'dpkg-deb',
      ['--info', await packed({ ...options, arch: 'armv7l', systemNode: '20.0.0' })],
      { withinMs },
    );
    for (const line of ['Package: fieldline-edge', 'Version: 0.1.0+1f2e~3d4c', 'Architecture: armhf'])
      expect(said).toContain(line);
    expect(said).toMatch(/Depends: .*nodejs \(>= 20\.0\.0\)/);
  });

  test('reads what it holds, all of root, the secrets for nobody else', async () => {
    const said = await runCommand('dpkg-deb', ['--contents', await packed()], { withinMs });
    const lines = said
      .trim()
      .split('\n')
      .map((line) => line.split(/\s+/));
    expect(new Set(lines.map(([, owner]) => owner))).toEqual(new Set(['root/root']));
    const modes = Object.fromEntries(
      lines.map(([mode, , , , , path]) => [path!.replace('./usr/share/fieldline-edge/', ''), mode]),
    );
    expect(modes).toMatchObject({
      'install.sh': '-rw-r--r--',
      'secrets/': 'drwx------',
      'secrets/token': '-rw-------',
    });
    for (const { path } of files) expect(modes).toHaveProperty([path.replace('fieldline/', '')]);
  });

  // Without chroot, as a build of an image does it; only root may be asked by dpkg.
  test.skipIf(process.getuid?.() !== 0)('installs it, removes it and purges it', async () => {
    const root = await tempDir();
    const dpkg = async (...words: string[]) => {
      const admin = ['--force-script-chrootless', '--force-depends', '--force-architecture', `--root=${root}`];
      return runCommand('dpkg', ['--log=/dev/null', ...admin, ...words], { withinMs, env: { LC_ALL: 'C' } });
    };
    await mkdir(join(root, 'var/lib/dpkg/info'), { recursive: true });
    await mkdir(join(root, 'var/lib/dpkg/updates'));
    for (const name of ['status', 'available']) await writeFile(join(root, 'var/lib/dpkg', name), '');
    await dpkg('--install', await packed());
    expect(await readlink(join(root, 'opt/fieldline/current'))).toBe('releases/1.0.0');
    expect(await exists(join(root, 'var/lib/fieldline/identity/token'))).toBe(true);
    expect(await exists(join(root, 'usr/share/fieldline-edge/secrets/token'))).toBe(false);
    await dpkg('--remove', 'fieldline-edge');
    expect(await exists(join(root, 'opt/fieldline'))).toBe(false);
    expect(await exists(join(root, 'etc/fieldline/edge.yaml'))).toBe(true);
    await dpkg('--purge', 'fieldline-edge');
    expect(Object.keys(await treeOf(root)).filter((path) => path.includes('fieldline'))).toEqual([]);
  });
});

describe.skipIf(!(await haveServers('shellcheck')) || !have('dpkg-deb'))('shellcheck', () => {
  test('has nothing to say of the maintainer scripts', async () => {
    const { path, env } = await ensureServer('shellcheck');
    const folder = await tempDir();
    await runCommand('dpkg-deb', ['--control', await packed(), folder], { withinMs });
    await runCommand(path, ['-s', 'sh', ...['postinst', 'prerm', 'postrm'].map((name) => join(folder, name))], {
      env,
      withinMs,
    });
  });
});
