import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { get } from 'node:http';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { connectAsync, type MqttClient } from 'mqtt';
import { describe, expect, it, onTestFinished } from 'vitest';
import { pushReleases } from '../../cli/release-push.js';
import { deviceToken } from '../../core/runtime/device-token.js';
import { operatorToken } from '../../core/runtime/operator-token.js';
import { dataTopic, packOf } from '../gateway/harness.js';
import { layReleases, makeRelease } from '../gateway/releases/make-release.js';
import { haveServers } from '../servers/ensure.js';
import { freePorts } from '../servers/free-port.js';
import { startKafka } from '../servers/kafka.js';
import { waitFor } from '../servers/wait-for.js';
import { startFieldline, writeConfig, type Running } from '../support/fieldline.js';
import { packsInKafka } from '../support/kafka-packs.js';
import { tempDir } from '../support/temp-dir.js';

const usable = await haveServers('kafka');
const devices = Array.from({ length: 8 }, (_, i) => ({ site: 'plant1', device: `device-${i}` }));

/** Publishes pack after pack until it is told to end; a pack that was not acknowledged goes again. */
class Publisher {
  acknowledged = 0;
  private ending = false;
  private readonly done: Promise<void>;

  constructor(
    private readonly client: MqttClient,
    private readonly device: (typeof devices)[number],
  ) {
    this.done = this.run();
  }

  async end(): Promise<number> {
    this.ending = true;
    await this.done;
    this.client.end(true);
    return this.acknowledged;
  }

  private async run(): Promise<void> {
    while (!this.ending) {
      await this.client.publishAsync(dataTopic(this.device), packOf(this.device, this.acknowledged), { qos: 1 });
      this.acknowledged += 1;
    }
  }
}

async function publisher(port: number, device: (typeof devices)[number], secret: Uint8Array): Promise<Publisher> {
  const client = await connectAsync(`mqtt://127.0.0.1:${port}`, {
    clientId: device.device,
    username: `${device.site}/${device.device}`,
    password: deviceToken(secret, device),
    reconnectPeriod: 50,
  });
  client.on('error', () => undefined);
  onTestFinished(() => void client.end(true));
  return new Publisher(client, device);
}

const children = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);

/** A gauge of each process. */
async function byProcess({ http }: Running, name: string): Promise<number[]> {
  const text = await (await fetch(`${http}/metrics`)).text();
  return [...text.matchAll(new RegExp(`^${name}\\{process="(\\d)"\\} (\\d+)$`, 'gm'))].map((found) => Number(found[2]));
}

/** Over a connection of its own, which goes to one of the processes. */
function bytesAt(url: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false }, (answer) => buffer(answer).then(resolve, reject)).on('error', reject);
  });
}

/** The processes that sent a part whole. */
async function sendersOf({ http }: Running): Promise<Set<string>> {
  const text = await (await fetch(`${http}/metrics`)).text();
  const lines = text.matchAll(/^fieldline_gateway_release_requests_total\{(.*outcome="whole".*)\} [1-9]/gm);
  return new Set([...lines].map((line) => /process="(\d)"/.exec(line[1]!)?.[1] ?? 'the first'));
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe.skipIf(!usable || process.platform !== 'linux')('several processes behind one port', () => {
  it('share the devices, one that is killed is started anew, and what was acknowledged is in the log', async () => {
    const [kafka, folder, ports] = await Promise.all([startKafka(), tempDir(), freePorts(3)]);
    onTestFinished(() => kafka.stop());
    const [mqttPort, httpPort, partsPort] = ports as [number, number, number];
    const parts = `http://127.0.0.1:${partsPort}/releases`;
    const config = writeConfig(folder, {
      profile: 'cluster',
      data: join(folder, 'data'),
      gateway: { mqtt: { port: mqttPort }, releases: { port: partsPort, url: parts } },
      log: { kafka: { brokers: [...kafka.bootstrap] } },
    });
    const args = ['gateway', 'run', '--processes', '2', '--config', config, '--http-port', `${httpPort}`];
    const gateway = await startFieldline({ name: 'gateway', args, folder, httpPort, readyWithinMs: 90_000 });
    onTestFinished(() => gateway.terminate());
    const secret = await readFile(join(folder, 'data', 'secrets', 'device-secret'));
    const publishers = await Promise.all(devices.map((device) => publisher(mqttPort, device, secret)));
    const all = (count: number) => () => publishers.every(({ acknowledged }) => acknowledged >= count);
    await waitFor('packs of all', 60_000, all(5));
    const shares = await byProcess(gateway, 'fieldline_gateway_connections');
    expect(shares[0]! + shares[1]!).toBe(8);
    expect(Math.min(...shares)).toBeGreaterThan(0);

    // One process answers for all.
    const authorization = `Bearer ${operatorToken(secret)}`;
    const door = `${gateway.http}/api/v1/devices/plant1/device-0/config`;
    expect((await fetch(door)).status).toBe(401);
    expect(await (await fetch(door, { headers: { authorization } })).json()).toMatchObject({ desired: null });

    const before = children(gateway.pid);
    expect(before).toHaveLength(2);
    process.kill(before[0]!, 'SIGKILL');
    const acknowledged = Math.max(...publishers.map((one) => one.acknowledged));
    await waitFor('packs of all', 60_000, all(acknowledged + 5));
    const after = await waitFor('another in its place', 60_000, () => {
      const now = children(gateway.pid);
      return now.length === 2 && !now.includes(before[0]!) && now;
    });
    expect(after).toContain(before[1]);
    await waitFor('all up', 60_000, async () => (await fetch(`${gateway.http}/readyz`)).ok);

    const counts = await Promise.all(publishers.map((one) => one.end()));
    // A release that is pushed to the one port is there for all of them.
    const made = makeRelease('1.0.0', 'arm64', 300_000);
    await layReleases(join(folder, 'built'), made);
    const pushed = () =>
      pushReleases(
        { http: gateway.http, token: operatorToken(secret) },
        { folder: join(folder, 'built'), say: () => undefined },
      );
    expect((await pushed()).result).toEqual([{ version: '1.0.0', arch: 'arm64', sent: 300_000 }]);
    expect((await pushed()).result).toEqual([{ version: '1.0.0', arch: 'arm64', sent: 0 }]);
    await waitFor('the part from each of them', 60_000, async () => {
      expect((await bytesAt(`${parts}/${made.sha256}`)).equals(made.part)).toBe(true);
      const sent = await sendersOf(gateway);
      return sent.has('1') && sent.has('2');
    });
    const rollable = async () => {
      const wanted = { version: '1.0.0', stages: [{ select: 'all' }], completeness: false, dryRun: true };
      const asked = { method: 'POST', headers: { authorization }, body: JSON.stringify(wanted) };
      return (await fetch(`${gateway.http}/api/v1/rollouts`, asked)).status;
    };
    expect(await rollable()).toBe(200);

    await gateway.terminate(20_000);
    await waitFor('the end of both', 20_000, () => !after.some(isAlive));
    const stored = await packsInKafka(kafka.bootstrap);
    for (const [i, { device }] of devices.entries()) {
      const seqs = [...new Set(stored.get(`plant1/${device}`))];
      expect(seqs).toEqual(Array.from({ length: counts[i]! }, (_, seq) => seq));
    }
  });

  it('do not start with a bad configuration', async () => {
    const folder = await tempDir();
    const [httpPort] = (await freePorts(1)) as [number];
    const config = writeConfig(folder, { data: join(folder, 'data') });
    const args = ['gateway', 'run', '--processes', '2', '--config', config, '--http-port', `${httpPort}`];
    const start = startFieldline({ name: 'gateway', args, folder, httpPort, readyWithinMs: 30_000 });
    await expect(start).rejects.toThrow(/ended early \(2\)[^]*profile cluster/);
  });
});
