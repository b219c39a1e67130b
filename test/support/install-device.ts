import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { installFiles, type InstallSetup } from '../../edge/install/install-files.js';
import { layFiles, layPrograms, runShell } from './card.js';
import { tempDir } from './temp-dir.js';

/** A card and the system that it is put into. Here is no power to fail, so that `sync` does nothing. */
export async function newDevice(setup: InstallSetup) {
  const folder = await tempDir();
  const [card, root] = [join(folder, 'boot'), join(folder, 'root')];
  await mkdir(root);
  await layFiles(card, installFiles(setup));
  return {
    ...{ folder, card, root },
    home: join(root, 'opt/fieldline'),
    data: join(root, 'var/lib/fieldline'),
    log: () => readFile(join(card, 'fieldline/install.log'), 'utf8'),
    install: async (words: readonly string[] = [], programs: Readonly<Record<string, string>> = {}) =>
      runShell([join(card, 'fieldline/install.sh'), ...words], {
        FIELDLINE_ROOT: root,
        PATH: await layPrograms(join(folder, 'bin'), { sync: ':', ...programs }),
      }),
  };
}
