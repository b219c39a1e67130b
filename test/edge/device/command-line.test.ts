import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { signRelease, type ReleaseManifest } from '../../../core/contract/release.js';
import { runCommandLine } from '../../../edge/device/command-line.js';
import { installedRelease } from '../../../edge/device/installed-release.js';
import { tempDir } from '../../support/temp-dir.js';

async function run(...args: string[]) {
  const [printed, complaints]: [string[], string[]] = [[], []];
  const speech = { print: (text: string) => printed.push(text), complain: (text: string) => complaints.push(text) };
  const code = await runCommandLine(args, speech);
  return { code, printed: printed.join('\n'), complaints: complaints.join('\n') };
}

async function config(text: string): Promise<string> {
  const file = join(await tempDir(), 'edge.yaml');
  await writeFile(file, text);
  return file;
}

const good = 'edge: { site: plant1, device: pi-07, gateway: { url: "mqtt://10.0.0.5" } }\nops: { port: 9090 }\n';

describe('the command line of the agent', () => {
  it('tells what it knows', async () => {
    const { code, printed } = await run('--help');
    expect(code).toBe(0);
    for (const word of ['run', 'check-config', 'apply-release', 'version', '--config', 'Exit codes']) {
      expect(printed).toContain(word);
    }
    expect(await run()).toMatchObject({ code: 2, printed });
  });

  it.each([
    [['fly'], /there is no command fly; known: run/],
    [['run', 'now'], /run takes no "now"/],
    [['run', '--fast'], /--fast/],
    [['version', '--config'], /--config/],
    [['apply-release'], /apply-release wants --version/],
    [['toString'], /there is no command toString/],
  ])('%j is bad usage', async (args, message) => {
    const { code, complaints } = await run(...args);
    expect(code).toBe(2);
    expect(complaints).toMatch(message);
    expect(complaints).toContain('--help');
  });

  it('says which version it is, for people and for programs', async () => {
    expect((await run('version')).printed).toMatch(/^fieldline-agent unknown \(\w+, Node \d+\./);
    expect(JSON.parse((await run('version', '--json')).printed)).toMatchObject({ version: 'unknown' });
  });
});

describe('check-config', () => {
  it('finds a good one good', async () => {
    const file = await config(good);
    const { code, printed } = await run('check-config', '--config', file);
    expect([code, printed]).toEqual([0, `${file} is good: plant1/pi-07 sends to mqtt://10.0.0.5`]);
  });

  it('names file, line and path of every fault', async () => {
    const file = await config(
      'edge:\n  site: plant1\n  devise: pi-07\n  sensors:\n    - driver: crystal-ball\nopps: 1\n',
    );
    const { code, complaints } = await run('check-config', '--config', file);
    expect(code).toBe(2);
    for (const fault of [`${file}:3: edge.devise`, 'edge.device', `${file}:5: edge.sensors.0`, `${file}:6: opps`]) {
      expect(complaints).toContain(fault);
    }
    expect(complaints).toContain('check-config');
  });

  it('finds a file that it names and cannot be read', async () => {
    const file = await config(good.replace('{ url:', '{ passwordFile: /no/such/token, url:'));
    const { code, complaints } = await run('check-config', '--config', file);
    expect([code, complaints]).toEqual([2, expect.stringContaining('/no/such/token')]);
  });

  it('says what to do without a file', async () => {
    const { code, complaints } = await run('check-config', '--config', '/no/such/edge.yaml');
    expect([code, complaints]).toEqual([2, expect.stringMatching(/no\/such\/edge\.yaml.*--config/)]);
  });
});

describe('the installed release', () => {
  const manifest: ReleaseManifest = {
    ...{ type: 'fieldline-release', format: 1, version: '1.4.0', arch: 'arm64' },
    ...{ builtUs: 1_795_000_000_000_000, nodeVersion: '24.21.0' },
    parts: [{ name: 'app', bytes: 1, sha256: '0'.repeat(64), unpackedBytes: 4096 }],
  };

  async function beside(content: string) {
    const folder = await tempDir();
    await writeFile(join(folder, 'release.json'), content);
    return installedRelease(pathToFileURL(join(folder, 'agent.mjs')));
  }

  it('is that of the manifest beside the program', async () => {
    const release = signRelease(manifest, generateKeyPairSync('ed25519').privateKey);
    expect(await beside(JSON.stringify(release))).toEqual({ version: '1.4.0', manifest });
  });

  it.each(['', '{}', '{"signed":"{}","signature":""}', 'x'.repeat(100_000)])(
    'is unknown where that is %.20j',
    async (content) => {
      expect(await beside(content)).toEqual({ version: 'unknown', manifest: undefined });
    },
  );
});
