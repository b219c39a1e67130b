import { readlink, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { InstallSetup } from '../../edge/install/install-files.js';
import { exists, treeOf } from './card.js';
import { newDevice } from './install-device.js';

const changing = /install\.log$|installed\.txt$/;

/**
 * Kills the installer before or after each `stride`-th thing that makes a step last, runs it again, and expects the same
 * end as without. Resolves with the number of kills.
 */
export async function killEverywhere(setup: InstallSetup, when: 'before' | 'after', stride: number): Promise<number> {
  const whole = await newDevice(setup);
  expect((await whole.install()).code).toBe(0);
  const wanted = [await treeOf(whole.root), await treeOf(whole.card, changing)];
  let kills = 0;
  for (let at = 0; ; at += stride) {
    const cut = await newDevice(setup);
    const first = await cut.install([], await cutting(cut.folder, when, at));
    await expectWhole(cut.home);
    if (first.signal !== 'SIGKILL') return kills;
    kills++;
    // The first four make the folders, and lay the unit that tries again.
    const begun = await exists(join(cut.root, 'etc/systemd/system/fieldline-install.service'));
    if (at > 3) expect(begun || (await exists(join(cut.card, 'fieldline/installed.txt')))).toBe(true);
    await rm(join(cut.folder, 'bin'), { recursive: true });
    const second = await cut.install();
    expect(second.code, `kill ${at}: ${second.said}`).toBe(0);
    expect([await treeOf(cut.root), await treeOf(cut.card, changing)]).toEqual(wanted);
  }
}

/** Programs of which the one that is called after `at` others ends the installer. */
async function cutting(folder: string, when: 'before' | 'after', at: number): Promise<Record<string, string>> {
  const counter = join(folder, 'count');
  await writeFile(counter, '0');
  const kill = `count=$(($(cat ${counter}) + 1)); echo $count >${counter}; if [ $count -gt ${at} ]; then kill -9 $PPID; exit 1; fi`;
  const programs = { sync: ':', mv: '/bin/mv "$@"', rm: '/bin/rm "$@"', dd: '/bin/dd "$@"' };
  const cut = (real: string) => (when === 'before' ? `${kill}\n${real}` : `${real}\n${kill}`);
  return Object.fromEntries(Object.entries(programs).map(([name, real]) => [name, cut(real)]));
}

/** What a start would find: nothing yet, or a release that is whole. */
async function expectWhole(home: string): Promise<void> {
  const current = await readlink(join(home, 'current')).catch(() => undefined);
  if (current === undefined) return;
  for (const name of ['agent.mjs', 'node', 'release.json']) expect(await exists(join(home, current, name))).toBe(true);
}
