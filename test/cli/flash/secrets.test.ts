import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { SecretReader } from '../../../cli/flash/secrets.js';
import { tempDir } from '../../support/temp-dir.js';

function reader(stdin = '', environment: Readonly<Record<string, string>> = {}): SecretReader {
  return new SecretReader({ stdin: Readable.from([stdin]), environment: (option) => environment[option] });
}

it('reads a file, standard input or the environment, without the end of the line', async () => {
  const file = join(await tempDir(), 'secret');
  await writeFile(file, ' pass phrase \r\n');
  const secrets = reader('from stdin\n', { 'token-file': 'from env' });
  expect(await secrets.read('wifi-password-file', file)).toBe(' pass phrase ');
  expect(await secrets.read('password-file', '-')).toBe('from stdin');
  // Of the same option again, as for each device of a batch.
  expect(await secrets.read('password-file', '-')).toBe('from stdin');
  expect(await secrets.read('token-file', undefined)).toBe('from env');
  expect(await secrets.read('enrol-token-file', undefined)).toBeUndefined();
  expect([secrets.has('token-file'), secrets.has('password-file')]).toEqual([true, false]);
});

it('says which option cannot be read, never what it holds', async () => {
  const secrets = reader('x\n');
  await secrets.read('token-file', '-');
  await expect(secrets.read('wifi-password-file', '-')).rejects.toThrow(
    'standard input is that of --token-file already',
  );
  await expect(secrets.read('token-file', '/nowhere/token')).rejects.toThrow(
    /^--token-file: cannot read \/nowhere\/token/,
  );
  await expect(reader('\n').read('token-file', '-')).rejects.toThrow('standard input is empty');
});
