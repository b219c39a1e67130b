import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { RetryableError } from '../../core/runtime/errors.js';
import { silentLogger } from '../../core/runtime/logger.js';
import { JsonFile } from '../../edge/json-file.js';
import { tempDir } from '../support/temp-dir.js';

const schema = z.object({ n: z.int() });
async function place() {
  const path = join(await tempDir(), 'folder', 'value.json');
  return { path, file: new JsonFile(path, schema, silentLogger) };
}

it('a value is there after it was saved, and none before', async () => {
  const { file } = await place();
  expect(await file.load()).toBeUndefined();
  await file.save({ n: 1 });
  await file.save({ n: 2 });
  expect(await file.load()).toEqual({ n: 2 });
});

it('a write that a crash cut off leaves the value before it', async () => {
  const { path, file } = await place();
  await file.save({ n: 1 });
  await writeFile(`${path}.new`, '{"n":');
  expect(await file.load()).toEqual({ n: 1 });
});

it.each(['', '{"n":"one"}', '\0\0\0\0'])('what cannot be read, %j, is put aside', async (text) => {
  const { path, file } = await place();
  await file.save({ n: 1 });
  await writeFile(path, text);
  expect(await file.load()).toBeUndefined();
  expect(await readdir(join(path, '..'))).toEqual(['value.json.damaged']);
  expect(await readFile(`${path}.damaged`, 'utf8')).toBe(text);
  await file.save({ n: 2 });
  expect(await file.load()).toEqual({ n: 2 });
});

it('a place that takes no file is an error to try again', async () => {
  const { path, file } = await place();
  await mkdir(`${path}.new`, { recursive: true });
  await expect(file.save({ n: 1 })).rejects.toThrow(RetryableError);
});
