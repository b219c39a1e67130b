import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { fieldline } from '../support/fieldline.js';

/** Behind what a shell does with its output. Returns what was said on standard error. */
function helpTo(where: string): string {
  const script = `{ "$0" "$1" flash --help; echo "ended with $?" >&2; } ${where}`;
  return spawnSync('sh', ['-c', script, process.execPath, fieldline], { encoding: 'utf8' }).stderr;
}

it.each([
  ['a reader that is gone', '| true', /^ended with 0\n$/],
  ['a full disk', '> /dev/full', /^fieldline: the answer could not be written: ENOSPC.*\nended with 1\n$/],
])('%s gets no stack trace', (_, where, said) => {
  expect(helpTo(where)).toMatch(said);
});
