import { createHash } from 'node:crypto';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { RetryableError } from '../../../core/runtime/errors.js';
import { fetchPackage } from '../../../edge/bundle/npm-package.js';
import { tempDir } from '../../support/temp-dir.js';

const tarball = Buffer.from('what npm would bring');
const wanted = {
  name: '@fieldline-test/no-such-package',
  version: '1.0.0',
  integrity: `sha512-${createHash('sha512').update(tarball).digest('base64')}`,
};
const name = 'fieldline-test-no-such-package-1.0.0.tgz';

it('takes what lies in the cache, if it is what is pinned', async () => {
  const cache = await tempDir();
  await writeFile(join(cache, name), tarball);
  const { file, bytes } = await fetchPackage(wanted, cache);
  expect([file, Buffer.from(bytes)]).toEqual([join(cache, name), tarball]);
});

it('asks npm for what is damaged in the cache, and says how to do without a network', async () => {
  const cache = await tempDir();
  await writeFile(join(cache, name), 'something else');
  vi.stubEnv('npm_config_registry', 'http://127.0.0.1:9/');
  vi.stubEnv('npm_config_fetch_retries', '0');
  onTestFinished(() => void vi.unstubAllEnvs());
  const failure = await fetchPackage(wanted, cache).catch((error: unknown) => error as Error);
  expect(failure).toBeInstanceOf(RetryableError);
  expect((failure as Error).message).toContain('npm pack @fieldline-test/no-such-package@1.0.0');
  expect((failure as Error).message).toContain(join(cache, name));
  expect((failure as Error).message).toContain('--node-runtime FILE');
  expect(await readdir(cache)).toEqual([name]);
});

it('says so where there is no npm', async () => {
  vi.stubEnv('PATH', await tempDir());
  onTestFinished(() => void vi.unstubAllEnvs());
  await expect(fetchPackage(wanted, await tempDir())).rejects.toThrow(/there is no npm here/);
});
