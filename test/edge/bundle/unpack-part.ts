import { mkdir } from 'node:fs/promises';
import { runCommand } from '../../servers/run-command.js';

/** Unpacks an archive as the installer does, by the programs of the system. */
export async function unpackPart(archive: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await runCommand('tar', ['-xJf', archive, '-C', folder], { withinMs: 60_000 });
}
