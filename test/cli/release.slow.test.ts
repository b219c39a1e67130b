import { generateKeyPairSync } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { smallNode } from '../edge/bundle/small-node.js';
import { lastJson, runFieldline } from '../support/fieldline.js';
import { tempDir } from '../support/temp-dir.js';

const guide = readFileSync(fileURLToPath(new URL('../../docs/releases.md', import.meta.url)), 'utf8');

/** The commands of docs/releases.md in their order, as arguments of `fieldline`. */
function commandsOfGuide(): string[][] {
  const blocks = [...guide.matchAll(/```sh\n([^`]*)```/g)].flatMap(([, text]) => text!.trim().split('\n'));
  return blocks.map((line) => line.replace(/^.*?fieldline /, '').split(' '));
}

/** Packing a whole Node takes a minute: those that npm would bring are left out. */
function withoutFetching(args: readonly string[]): string[] {
  const fetches = args[1] === 'build' && !args.includes('--node-runtime');
  return fetches ? [...args, '--node-runtime', 'system'] : [...args];
}

it('every command of the guide works, in its order', async () => {
  const folder = await tempDir();
  writeFileSync(join(folder, 'node-v22.21.1-linux-armv7l.tar.xz'), smallNode('armv7l', '22.21.1'));
  const commands = commandsOfGuide();
  expect(commands.length).toBeGreaterThanOrEqual(7);
  for (const args of commands) {
    const { code, stderr } = await runFieldline(withoutFetching(args), folder, 600_000);
    expect([args.join(' '), code, stderr.includes('fieldline:')]).toEqual([args.join(' '), 0, false]);
  }
  expect(statSync(join(folder, 'release-key.pem')).mode & 0o077).toBe(0);
  const manifests = readdirSync(join(folder, 'releases')).filter((name) => name.endsWith('.json'));
  expect(manifests).toEqual(['1.4.0-arm64.json', '1.4.0-armv7l.json', '1.4.0-system-armv7l.json', '1.4.0-x64.json']);
  await refusesWhatIsWrong(folder);
});

async function refusesWhatIsWrong(folder: string): Promise<void> {
  const run = (...args: string[]) => runFieldline(['release', ...args], folder, 600_000);
  const again = await run('keygen');
  expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('devices may trust it')]);

  const verified = lastJson<{ file: string; faults: string[] }[]>(await run('verify', '--json'));
  expect(verified.map(({ faults }) => faults)).toEqual([[], [], [], []]);
  const { publicKey } = generateKeyPairSync('ed25519');
  writeFileSync(join(folder, 'other.pem'), publicKey.export({ format: 'pem', type: 'spki' }));
  const foreign = await run('verify', '--key', 'other.pem');
  expect([foreign.code, foreign.stdout]).toEqual([1, expect.stringContaining('not signed by the pinned key')]);
  const [part] = readdirSync(join(folder, 'releases/parts'));
  writeFileSync(join(folder, 'releases/parts', part!), 'damaged');
  const damaged = await run('verify');
  expect([damaged.code, damaged.stdout]).toEqual([1, expect.stringContaining(part!)]);
}

it('bad words end with 2 and a sentence that says what to do', async () => {
  const folder = await tempDir();
  const cases: [string[], RegExp][] = [
    [['build', '--arch', 'armv6l'], /armv6.*not supported.*Pi Zero 2 W/],
    [['build', '--arch', 'armhf'], /called armv7l/],
    [['build', '--arch', 'arm64', '--version', '../1'], /a version has 1 to 64/],
    [['build', '--arch', 'arm64'], /make one with: fieldline release keygen --key release-key\.pem/],
    [['verify', '--key', 'none.pem'], /none\.pem/],
  ];
  for (const [args, message] of cases) {
    const { code, stderr } = await runFieldline(['release', ...args], folder, 120_000);
    expect([args.join(' '), code]).toEqual([args.join(' '), 2]);
    expect(stderr).toMatch(message);
  }
});
