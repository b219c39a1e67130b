import { cpSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ensureServer, haveServers } from '../../servers/ensure.js';
import { runCommand } from '../../servers/run-command.js';
import { guardFile } from '../../support/device-root.js';
import { guarded, pullPlugs, upgradeEnds } from './guarded.js';

test('with nothing staged it does nothing', async () => {
  const guard = await guarded();
  await guard.run();
  expect([guard.current(), guard.state()]).toEqual(['1', []]);
});

test('a release is tried three times and then given back', async () => {
  const guard = await guarded();
  guard.stage('aa', '2');
  for (const tries of ['1', '2', '3']) {
    await guard.run();
    expect([guard.current(), guard.state()[0], guard.state()[5]]).toEqual(['2', 'trial', tries]);
  }
  await guard.run();
  expect([guard.current(), guard.state()[0], guard.releases()]).toEqual(['1', 'rolled-back', ['1']]);
  await guard.run();
  expect([guard.current(), guard.state()[0]]).toEqual(['1', 'rolled-back']);
});

test('a confirmed release stays, brings its guard, and leaves the one before and nothing older', async () => {
  const guard = await guarded();
  guard.runtime('bbbb');
  guard.stage('aa', '2');
  await guard.run();
  writeFileSync(join(guard.home, 'releases/2/guard.sh'), `${readFileSync(guardFile, 'utf8')}# newer\n`);
  guard.mark('confirmed', 'aa');
  for (let i = 0; i < 6; i += 1) await guard.run();
  expect([guard.current(), guard.state()[0], guard.releases()]).toEqual(['2', 'confirmed', ['1', '2']]);
  expect(readFileSync(join(guard.home, 'guard.sh'), 'utf8')).toContain('# newer');
  expect(readdirSync(join(guard.home, 'runtimes'))).toEqual(['aaaa']);
  guard.stage('bb', '3');
  await guard.run();
  expect([guard.current(), guard.releases()]).toEqual(['3', ['2', '3']]);
});

test('a guard that is no program does not take the place of one that is', async () => {
  const guard = await guarded();
  guard.stage('aa', '2');
  await guard.run();
  writeFileSync(join(guard.home, 'releases/2/guard.sh'), 'if then fi (');
  guard.mark('confirmed', 'aa');
  await guard.run();
  expect([guard.state()[0], readFileSync(join(guard.home, 'guard.sh'), 'utf8')]).toEqual([
    'confirmed',
    readFileSync(guardFile, 'utf8'),
  ]);
});

test('marks of another upgrade say nothing; one of this says why', async () => {
  const guard = await guarded();
  guard.mark('confirmed', 'zz');
  guard.mark('failed', 'yy too old');
  guard.stage('aa', '2');
  await guard.run();
  await guard.run();
  expect(guard.state()[0]).toBe('trial');
  guard.mark('failed', 'aa no data $(touch /tmp/never) `id` within 10 s');
  await guard.run();
  expect(guard.state().slice(7).join(' ')).toBe('no data $(touch /tmp/never) `id` within 10 s');
  expect(guard.current()).toBe('1');
});

test('a release that cannot be unpacked is refused; one that may be another time is tried again', async () => {
  const guard = await guarded();
  writeFileSync(join(guard.root, 'refuse'), '75');
  guard.stage('aa', '2');
  await guard.run();
  expect(guard.state()[0]).toBe('applying');
  await guard.run();
  await guard.run();
  expect([guard.state()[0], guard.state().slice(7).join(' ')]).toEqual(['refused', 'the archive has other bytes']);
  writeFileSync(join(guard.root, 'refuse'), '1');
  guard.stage('bb', '3');
  await guard.run();
  expect([guard.current(), guard.state()[0], guard.state()[1]]).toEqual(['1', 'refused', 'bb']);
  rmSync(join(guard.root, 'refuse'));
  await guard.run();
  expect(guard.state()[1]).toBe('bb');
});

test.each([
  ['words that lead elsewhere', 'aa r1 ../../etc 60'],
  ['a hidden folder', 'aa r1 .ssh 60'],
  ['no number', 'aa r1 2 soon'],
  ['a command', 'aa r1 $(id) 60'],
  ['nothing', ''],
  ['a long line', `aa r1 ${'9'.repeat(100_000)} 60`],
])('%s in the inbox is nothing', async (_name, line) => {
  const guard = await guarded();
  writeFileSync(join(guard.inbox, 'staged'), `${line}\n`);
  await guard.run();
  expect([guard.current(), guard.releases()]).toEqual(['1', ['1']]);
});

test('a link in the inbox is not followed', async () => {
  const guard = await guarded();
  writeFileSync(join(guard.root, 'elsewhere'), 'aa r1 2 60\n');
  symlinkSync(join(guard.root, 'elsewhere'), join(guard.inbox, 'staged'));
  await guard.run();
  expect([guard.current(), guard.state()]).toEqual(['1', []]);
});

test('the timer ends a trial that nobody ends', async () => {
  const guard = await guarded();
  guard.stage('aa', '2');
  await guard.run();
  await guard.run(undefined, 'before', 'expire', 'zz');
  await guard.run(undefined, 'before', 'expire', 'aa');
  await guard.run();
  expect([guard.current(), guard.state()[0]]).toEqual(['1', 'rolled-back']);
});

test('a release whose starts cannot be counted, as on a full disk, goes back at once', async () => {
  const guard = await guarded();
  guard.stage('aa', '2');
  await guard.run();
  // Nothing can be written there.
  mkdirSync(join(guard.home, 'upgrade-state.new'));
  await guard.run();
  expect([guard.current(), guard.state()[0]]).toEqual(['1', 'trial']);
  rmdirSync(join(guard.home, 'upgrade-state.new'));
  await guard.run();
  expect([guard.current(), guard.state()[0]]).toEqual(['1', 'rolled-back']);
});

test('what was installed by hand in a trial stays', async () => {
  const guard = await guarded();
  guard.stage('aa', '2');
  await guard.run();
  cpSync(join(guard.home, 'releases/1'), join(guard.home, 'releases/5'), { recursive: true, verbatimSymlinks: true });
  rmSync(join(guard.home, 'current'));
  symlinkSync('releases/5', join(guard.home, 'current'));
  await guard.run();
  expect([guard.current(), guard.state()[0]]).toEqual(['5', 'none']);
});

test('where the current release is damaged another one starts', async () => {
  const guard = await guarded();
  guard.stage('aa', '2');
  await guard.run();
  guard.mark('confirmed', 'aa');
  await guard.run();
  rmSync(join(guard.home, 'releases/2/agent.mjs'));
  await guard.run();
  expect(guard.current()).toBe('1');
});

// All of them: guard.long.test.ts.
test.each(upgradeEnds)('wherever the plug is pulled, an upgrade that is %s comes to its end', (end) =>
  pullPlugs(end, 16),
);

describe.skipIf(!(await haveServers('shellcheck')))('as shellcheck sees it', () => {
  test('nothing is wrong', async () => {
    const { path } = await ensureServer('shellcheck');
    await runCommand(path, ['--shell=sh', guardFile], { withinMs: 60_000 });
  });
});
