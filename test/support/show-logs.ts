import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** Call it after the folder is made. If the test fails, prints the warnings and the end of every log in its folder: the processes are gone by then. */
export function showLogsOnFailure(folder: string): void {
  onTestFinished(({ task }) => {
    if (task.result?.state !== 'fail') return;
    for (const name of readdirSync(folder).filter((file) => file.endsWith('.log'))) {
      const lines = readFileSync(join(folder, name), 'utf8').trim().split('\n');
      const told = lines.filter((line) => /"level":"(warn|error)"/.test(line)).slice(-15);
      console.error([`--- ${name}`, ...told, '…', ...lines.slice(-5)].map((line) => line.slice(0, 1500)).join('\n'));
    }
  });
}
