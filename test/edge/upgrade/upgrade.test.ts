import { generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { signRelease, type ReleaseManifest } from '../../../core/contract/release.js';
import { systemClock } from '../../../core/runtime/clock.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import { JsonFile } from '../../../edge/json-file.js';
import { inboxPaths, installedPaths } from '../../../edge/upgrade/layout.js';
import { Upgrade, type ReleaseNews, type UpgradeOptions } from '../../../edge/upgrade/upgrade.js';
import { upgradeStateSchema, type UpgradeState } from '../../../edge/upgrade/upgrade-state.js';
import { waitFor } from '../../servers/wait-for.js';
import { tempDir } from '../../support/temp-dir.js';

const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const nonce = 'ab12';

function release(version: string) {
  const manifest: ReleaseManifest = {
    ...{ type: 'fieldline-release', format: 1, version, arch: 'arm64', builtUs: 1, nodeVersion: '22.0.0' },
    parts: [{ name: 'app', bytes: 1, sha256: 'a'.repeat(64), unpackedBytes: 1 }],
  };
  return signRelease(manifest, privateKey);
}

/** Nobody listens there. */
const nowhere = 'http://127.0.0.1:9/releases';

function wish(version: string, id = 'r1'): Buffer {
  const desired = { type: 'fieldline-desired-release', format: 1, trialMs: 60_000, sources: [nowhere], id };
  return Buffer.from(JSON.stringify({ ...desired, release: release(version) }));
}

interface Begin extends Partial<UpgradeOptions> {
  readonly running?: string;
  /** What the guard keeps. */
  readonly guard?: string;
  /** What the agent keeps. */
  readonly state?: Partial<UpgradeState>;
}

async function begin({ running = '1.0.0', guard, state, ...over }: Begin = {}) {
  const folder = await tempDir();
  const [installed, inbox] = [installedPaths(join(folder, 'opt')), inboxPaths(join(folder, 'inbox'))];
  mkdirSync(installed.current, { recursive: true });
  if (running !== '') writeFileSync(join(installed.current, 'release.json'), JSON.stringify(release(running)));
  if (guard !== undefined) writeFileSync(installed.state, `${guard}\n`);
  mkdirSync(inbox.directory);
  const kept = { outcome: null, settled: [], staged: null, trial: null, ...state };
  if (state) writeFileSync(inbox.state, JSON.stringify(kept));
  const restarts: string[] = [];
  const news: ReleaseNews[] = [];
  const upgrade = new Upgrade({
    ...{ publicKey, allowOlder: true, installed, inbox, keepFreeBytes: 0, stallMs: 1000 },
    file: new JsonFile(inbox.state, upgradeStateSchema, silentLogger),
    isProven: () => false,
    restart: (reason) => void restarts.push(reason),
    ...{ clock: systemClock, random: Math.random, logger: silentLogger, ...over },
  });
  upgrade.onNews((one) => void news.push(one));
  await upgrade.start();
  onTestFinished(() => upgrade.stop(5000));
  return { upgrade, restarts, news, inbox };
}

test('a program that was not installed from a release takes none', async () => {
  const { upgrade, news } = await begin({ running: '' });
  await upgrade.receive(wish('2.0.0'));
  expect([news, upgrade.news]).toEqual([[], undefined]);
});

test('a wish that is taken back is not fetched on', async () => {
  const { upgrade, news } = await begin();
  await upgrade.receive(wish('2.0.0'));
  await waitFor('the trouble', 10_000, () => news.some(({ reason }) => reason?.includes('ECONNREFUSED')));
  expect(upgrade.status().progress).toBeUndefined();
  await upgrade.receive(new Uint8Array());
  const { length } = news;
  await upgrade.receive(wish('2.0.0'));
  expect(news.slice(length)).toMatchObject([{ status: 'fetching', version: '2.0.0', running: '1.0.0' }]);
});

test('another wish takes the place of the one that is fetched', async () => {
  const { upgrade, news } = await begin();
  await upgrade.receive(wish('2.0.0'));
  await upgrade.receive(wish('3.0.0', 'r2'));
  expect(upgrade.news).toMatchObject({ status: 'fetching', version: '3.0.0', id: 'r2' });
  await upgrade.receive(wish('1.0.0', 'r3'));
  expect(upgrade.news).toMatchObject({ status: 'confirmed', version: '1.0.0', id: 'r3' });
  expect(news.filter(({ status }) => status === 'refused')).toEqual([]);
});

test('what is no wish is refused, and told', async () => {
  const { upgrade } = await begin();
  await upgrade.receive(Buffer.from('{"type":"fieldline-desired-release"}'));
  expect(upgrade.news).toMatchObject({ status: 'refused', id: '', running: '1.0.0' });
});

test('the guard is believed even where what was remembered is lost', async () => {
  const { upgrade } = await begin({ guard: `rolled-back ${nonce} r1 2.0.0 1.0.0 3 60 it started 3 times` });
  expect(upgrade.news).toMatchObject({
    status: 'rolled-back',
    id: 'r1',
    version: '2.0.0',
    reason: 'it started 3 times',
  });
  await upgrade.receive(wish('2.0.0'));
  expect(upgrade.news).toMatchObject({ status: 'rolled-back' });
});

test('a guard that takes no notice is not waited for without end', async () => {
  const staged = { nonce, id: 'r1', version: '2.0.0', starts: 2 };
  const { upgrade } = await begin({ state: { staged } });
  expect(upgrade.news).toMatchObject({ status: 'refused', reason: 'the guard did not install it in 3 starts' });
});

const trial = `trial ${nonce} r1 2.0.0 1.0.0 1 60 `;

test('on trial other wishes wait until it is proven', async () => {
  let isProven = false;
  const { upgrade, inbox } = await begin({ running: '2.0.0', guard: trial, isProven: () => isProven });
  expect(upgrade.news).toMatchObject({ status: 'trying', running: '2.0.0' });
  await upgrade.receive(wish('3.0.0', 'r2'));
  expect(upgrade.news).toMatchObject({ status: 'trying' });
  expect(existsSync(inbox.confirmed)).toBe(false);
  isProven = true;
  await waitFor('the next', 10_000, () => upgrade.news?.version === '3.0.0');
  expect(readFileSync(inbox.confirmed, 'utf8')).toBe(`${nonce}\n`);
  expect(JSON.parse(readFileSync(inbox.state, 'utf8'))).toMatchObject({
    settled: [{ id: 'r1', version: '2.0.0', status: 'confirmed' }],
  });
});

test('a trial whose time is used up ends the process with a mark', async () => {
  const state = { trial: { nonce, usedMs: 59_900 }, staged: { nonce, id: 'r1', version: '2.0.0', starts: 0 } };
  const { restarts, inbox } = await begin({ running: '2.0.0', guard: trial, state });
  await waitFor('the end', 10_000, () => restarts.length > 0);
  expect(readFileSync(inbox.failed, 'utf8')).toBe(`${nonce} the gateway acknowledged no data of it within 60 s\n`);
  expect(existsSync(inbox.confirmed)).toBe(false);
});
