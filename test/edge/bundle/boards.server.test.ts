import { generateKeyPairSync } from 'node:crypto';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { logTopics } from '../../../core/contract/log-topics.js';
import { decodePack } from '../../../core/contract/pack.js';
import type { ReleaseArch } from '../../../core/contract/release.js';
import { deviceToken } from '../../../core/runtime/device-token.js';
import { buildRelease } from '../../../edge/bundle/build-release.js';
import { secret, startGateway, type TestGateway } from '../../gateway/harness.js';
import { ensureServer, haveServers } from '../../servers/ensure.js';
import { runCommand } from '../../servers/run-command.js';
import { spawnServer } from '../../servers/spawn-server.js';
import { writeArmUname } from '../../support/arm-uname.js';
import { newDevice } from '../../support/install-device.js';
import { smallRelease } from '../../support/installable-release.js';
import { tempDir } from '../../support/temp-dir.js';
import { unpackPart } from './unpack-part.js';

const boards = [
  { arch: 'arm64', machine: 'aarch64', libraries: 'aarch64-linux-gnu' },
  { arch: 'armv7l', machine: 'arm', libraries: 'arm-linux-gnueabihf' },
] as const;
type Board = (typeof boards)[number];

const readings = 1000;
const { privateKey } = generateKeyPairSync('ed25519');

/** What stands before the agent's file to run it as on the board. */
async function nodeOn({ arch, machine, libraries }: Board, ...cpu: string[]): Promise<[string, ...string[]]> {
  const usr = dirname(dirname((await ensureServer('qemu-user')).path));
  const node = join((await ensureServer('node-runtimes')).path, arch, 'bin/node');
  return [join(usr, `bin/qemu-${machine}-static`), ...cpu, '-L', join(usr, libraries), node];
}

describe.skipIf(!(await haveServers('qemu-user', 'node-runtimes')))('the bundle on a board', () => {
  let releases: string;

  beforeAll(async () => {
    releases = await mkdtemp(join(tmpdir(), 'fieldline-releases-'));
  });
  afterAll(() => rm(releases, { recursive: true, force: true }));

  /** A release for the board, unpacked as the installer does it. */
  async function installed(arch: ReleaseArch): Promise<string> {
    const wanted = { arch, releases, privateKey, version: '1.2.3', nodeRuntime: 'system' };
    const { parts, file } = await buildRelease(wanted);
    const folder = await tempDir();
    for (const archive of parts.values()) await unpackPart(archive, folder);
    await copyFile(file, join(folder, 'release.json'));
    return folder;
  }

  it.each(boards)('brings each of 1,000 readings to the gateway, once, from $arch', async (board) => {
    const device = { site: 'plant1', device: `pi-${board.arch}` };
    const [agent, gateway] = await Promise.all([installed(board.arch), startGateway()]);
    const folder = await tempDir();
    const config = await writeConfig(folder, device, gateway.port);
    const [command, ...args] = await nodeOn(board);
    const running = await spawnServer({
      name: 'agent',
      command,
      args: [...args, join(agent, 'agent.mjs'), 'run', '--config', config],
      folder,
      ready: () => readingsAt(gateway).length >= readings,
      readyWithinMs: 60_000,
    });
    onTestFinished(() => running.kill9());
    // A clean stop, after which nothing is on its way.
    await running.terminate(60_000);
    expect(readingsAt(gateway).sort((a, b) => a - b)).toEqual(Array.from({ length: readings }, (_, i) => i));
    expect(birthsAt(gateway)).toContain('1.2.3');
  });

  it('is refused by a processor of ARMv6, as a program is that cannot run', async () => {
    const [command, ...args] = await nodeOn(boards[1], '-cpu', 'arm1176');
    await expect(runCommand(command, [...args, '--version'], { withinMs: 60_000 })).rejects.toThrow(
      /Illegal instruction|SIGILL|132/,
    );
  });

  it.each([
    ['arm1176', /not installed: this board has an ARMv6 processor .* Take a Pi Zero 2 W/],
    ['cortex-a7', /installed: 1\.0\.0 for armv7l/],
  ])('is installed on %s, or refused with a sentence, by what its kernel says', async (cpu, sentence) => {
    const { folder, install } = await newDevice(await smallRelease({ arch: 'armv7l' }));
    const [program, qemu] = [join(folder, 'arm-uname'), (await nodeOn(boards[1]))[0]];
    await writeArmUname(program);
    const uname = `${qemu} -cpu ${cpu} ${program} | tr -d '\\0'`;
    expect((await install([], { uname, dpkg: 'echo armhf' })).said).toMatch(sentence);
  });
});

/** A series whose values are 0 to 999, read from a file as fast as can be. */
async function writeConfig(folder: string, device: { site: string; device: string }, port: number): Promise<string> {
  const rows = Array.from({ length: readings }, (_, i) => `${1_790_000_000 + i},${i}`);
  await writeFile(join(folder, 'series.csv'), ['timestamp,value', ...rows].join('\n'));
  await writeFile(join(folder, 'token'), deviceToken(secret, device));
  const channels = [{ name: 'count', quantity: 'power', unit: 'W' }];
  const replay = { driver: 'replay', path: join(folder, 'series.csv'), speed: 'max', times: 'file', channels };
  const edge = {
    ...device,
    gateway: { url: `mqtt://127.0.0.1:${port}`, passwordFile: join(folder, 'token') },
    outbox: { directory: join(folder, 'outbox') },
    pack: { maxReadings: 50 },
    sensors: [{ ...replay, intervalMs: '100ms' }],
  };
  const file = join(folder, 'edge.yaml');
  await writeFile(file, JSON.stringify({ edge }));
  return file;
}

/** The values in the log; a pack that was sent again counts again. */
function readingsAt({ memory }: TestGateway): number[] {
  const packs = memory.records(logTopics.readings.name).map(({ value }) => decodePack(value));
  return packs.flatMap(({ points }) => points.map(({ value }) => Number(value)));
}

function birthsAt({ memory }: TestGateway): unknown[] {
  const records = memory.records(logTopics.deviceEvents.name).filter(({ key }) => key.endsWith('/birth/current'));
  return records.map(({ value }) => (JSON.parse(Buffer.from(value).toString()) as { version: string }).version);
}
