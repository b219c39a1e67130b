import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { ensureServer } from '../../servers/ensure.js';
import { freePorts } from '../../servers/free-port.js';
import { runCommand } from '../../servers/run-command.js';
import { bootStartBytes, makeCardImage } from '../../support/card-image.js';
import { exists } from '../../support/card.js';
import { fieldline, startFieldline } from '../../support/fieldline.js';
import { trixie } from '../../support/flash-folder.js';
import { tempDir } from '../../support/temp-dir.js';

const page = fileURLToPath(new URL('../../../docs/flash.md', import.meta.url));

interface Block {
  /** `sh`, `sh hardware`, `yaml file=fieldline.yaml` … */
  readonly kind: string;
  readonly text: string;
}

async function blocksOf(file: string): Promise<Block[]> {
  const text = await readFile(file, 'utf8');
  return [...text.matchAll(/^```(\S[^\n]*)\n([\s\S]*?)^```$/gm)].map(([, kind, body]) => ({
    kind: kind!,
    text: body!,
  }));
}

/** Starts what runs the commands of a reader's folder. Returns the script that hands it the words it was called with. */
async function startOneProcess(folder: string): Promise<string> {
  const asked = join(folder, '.asked');
  await mkdir(asked);
  await runCommand('mkfifo', [join(asked, 'requests')], { withinMs: 10_000 });
  const program = fileURLToPath(new URL('../../support/one-process.mjs', import.meta.url));
  const server = spawn(process.execPath, [program, fieldline, asked], { stdio: 'inherit' });
  const ended = once(server, 'close');
  onTestFinished(async () => {
    server.kill();
    await ended;
  });
  return `request=$(mktemp -d "${asked}/XXXXXX")
mkfifo "$request/end"
printf '%s\\0' "$PWD" "$@" > "$request/words"
echo "$request" > "${asked}/requests"
end=$(cat "$request/end")
cat "$request/stderr" >&2
cat "$request/stdout"
exit "$end"`;
}

/** A reader's folder, with `fieldline` on the PATH as installed, and other ports than those on the page. */
async function readersFolder() {
  const folder = await tempDir();
  const [http, mqtt, parts, ops] = (await freePorts(4)) as [number, number, number, number];
  await mkdir(join(folder, 'bin'));
  // What speaks to a gateway by default speaks to port 8080.
  const script = `#!/bin/sh
case "$1 $2" in
  "device enrol"|"device enrolments"|"device wait"|"release push"|"fleet "*) set -- "$@" --http http://127.0.0.1:${http} ;;
  "release build") set -- "$@" --node-runtime system ;;
esac
${await startOneProcess(folder)}
`;
  await writeFile(join(folder, 'bin/fieldline'), script, { mode: 0o755 });
  const ours = (text: string) =>
    text
      .replaceAll('gw.plant1.example:8883', `127.0.0.1:${mqtt}`)
      .replaceAll('port: 8883', `port: ${mqtt}`)
      .replaceAll('8090', String(parts))
      .replaceAll('http://127.0.0.1:8080', `http://127.0.0.1:${http}`)
      .replaceAll('0.0.0.0', '127.0.0.1');
  return { folder, http, ops, ours };
}

async function run(folder: string, script: string): Promise<string> {
  // One pipe, so that what is said stays in its order.
  const child = spawn('sh', ['-eu', '-c', `exec 2>&1\n${script}`], {
    cwd: folder,
    env: { ...process.env, PATH: `${join(folder, 'bin')}${delimiter}${process.env.PATH}` },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const code = await new Promise((resolve) => child.on('close', resolve));
  if (code !== 0) throw new Error(`${script}\nended with ${String(code)}:\n${said}`);
  return said;
}

/** What boots from the card is played by an agent here, from the files that mtools finds on it. */
async function bootCard(folder: string, ops: number): Promise<void> {
  const { path, env } = await ensureServer('mtools');
  const device = join(folder, 'device');
  await mkdir(join(device, 'state/identity'), { recursive: true });
  const from = `${join(folder, 'pi-07.img')}@@${bootStartBytes}`;
  const copy = (name: string, to: string) =>
    runCommand(path, ['-s', '-Q', '-n', '-i', from, `::/fieldline/${name}`, join(device, to)], {
      withinMs: 30_000,
      env,
    });
  await copy('etc', '.');
  await copy('secrets/enrol-token', 'state/identity');
  const yaml = await readFile(join(device, 'etc/edge.yaml'), 'utf8');
  const config = join(device, 'edge.yaml');
  const moved = yaml.replaceAll('/etc/fieldline', `${device}/etc`).replaceAll('/var/lib/fieldline', `${device}/state`);
  await writeFile(config, moved);
  const args = ['edge', 'run', '--config', config, '--data', join(device, 'data'), '--http-port', `${ops}`];
  const agent = await startFieldline({ name: 'agent', args, folder: device, httpPort: ops });
  onTestFinished(() => agent.terminate());
}

it('the tutorial does what it says', async () => {
  const { folder, http, ops, ours } = await readersFolder();
  await makeCardImage(join(folder, 'raspios.img'), trixie);
  await runCommand('xz', ['-1', join(folder, 'raspios.img')], { withinMs: 60_000 });
  let isBooted = false;
  let said = '';
  for (const { kind, text } of await blocksOf(page)) {
    const file = /file=(\S+)/.exec(kind)?.[1];
    if (file !== undefined) await writeFile(join(folder, file), ours(text));
    else if (kind === 'sh') said += await run(folder, ours(text));
    else if (kind === 'sh background') {
      const [program, ...args] = text.trim().split(' ');
      expect(program).toBe('fieldline');
      const words = [...args, '--http-port', `${http}`];
      const server = await startFieldline({
        name: 'gateway',
        args: words,
        folder,
        httpPort: http,
        readyWithinMs: 60_000,
      });
      onTestFinished(() => server.terminate());
    } else if (kind === 'sh hardware' && !isBooted) {
      isBooted = true;
      await bootCard(folder, ops);
    } else expect(['sh hardware', 'sh network']).toContain(kind);
  }
  expect(isBooted).toBe(true);
  expect(said).toContain('fieldline-cards.json: 3 cards');
  expect(said).toMatch(/pi-02.* is there already/);
  // Of pi-07 the token was used; that of pi-02 waits for its device.
  expect(said).toMatch(/enrolled\/fieldline-cards\.json: 3 cards\n[0-9a-f]{12} {2}\w+/);
  expect(await exists(join(folder, 'device/state/identity/device.pem'))).toBe(true);
});

it('what is not run is told on the page', async () => {
  const blocks = await blocksOf(page);
  const notRun = blocks.filter(({ kind }) => kind === 'sh hardware' || kind === 'sh network').map(({ text }) => text);
  const told = (await readFile(page, 'utf8')).split('## What the test does not run')[1]!;
  const words = ['curl', 'flash --device-node', 'fleet rollout --wait', 'flash --ssh'];
  expect(notRun).toHaveLength(words.length);
  for (const word of words) expect(told).toContain(word);
});
