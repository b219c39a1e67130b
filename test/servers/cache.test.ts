import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { cached, withLock } from './cache.js';
import { MissingServerError, mustHaveServers, skipOrThrow } from './missing-server.js';
import { pause } from './wait-for.js';

const silent = () => undefined;
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'fieldline-cache-'));
  vi.stubEnv('FIELDLINE_TEST_CACHE', root);
});

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  rmSync(root, { recursive: true });
});

test('of several who want the same folder, one fills it', async () => {
  let fills = 0;
  const fill = async (folder: string) => {
    fills += 1;
    await pause(50);
    writeFileSync(join(folder, 'file'), '');
  };
  const folders = await Promise.all([1, 2, 3].map(() => cached('thing-1.0', 5_000, silent, fill)));
  expect(fills).toBe(1);
  expect(new Set(folders)).toEqual(new Set([join(root, 'thing-1.0')]));
  expect(readdirSync(root)).toEqual(['thing-1.0']);
});

test('a folder whose filling failed is not there, and can be filled again', async () => {
  const failing = cached('thing-1.0', 5_000, silent, () => Promise.reject(new Error('no network')));
  await expect(failing).rejects.toThrow('no network');
  expect(readdirSync(root)).toEqual([]);
  await cached('thing-1.0', 5_000, silent, () => Promise.resolve());
  expect(existsSync(join(root, 'thing-1.0'))).toBe(true);
});

test('the lock of a dead process is broken, that of a living one is waited for', async () => {
  const lock = join(root, 'x.lock');
  writeFileSync(lock, `${process.pid} 0`);
  expect(await withLock(lock, 5_000, silent, () => Promise.resolve('mine'))).toBe('mine');
  await withLock(lock, 5_000, silent, async () => {
    const second = withLock(lock, 300, silent, () => Promise.resolve());
    await expect(second).rejects.toThrow(lock);
  });
  expect(readdirSync(root)).toEqual([]);
});

test('a missing server fails in continuous integration and is shouted elsewhere', () => {
  const missing = new MissingServerError('kafka', 'no Java', 'apt-get install openjdk-17-jre-headless');
  const shout = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  expect(() => skipOrThrow(missing, { CI: 'true' })).toThrow('no Java');
  expect(() => skipOrThrow(new Error('a fault of ours'), {})).toThrow('a fault of ours');
  expect(shout).not.toHaveBeenCalled();
  skipOrThrow(missing, {});
  expect(shout.mock.calls.join()).toMatch(/SKIPPED(.|\n)*no Java(.|\n)*apt-get install openjdk/);
  expect([mustHaveServers({}), mustHaveServers({ CI: 'false' }), mustHaveServers({ CI: '1' })]).toEqual([
    false,
    false,
    true,
  ]);
});
