import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { expect } from 'vitest';
import { deviceEventKey, heartbeatSchema } from '../../../core/contract/device-events.js';
import { logTopics } from '../../../core/contract/log-topics.js';
import { deviceKey, type DeviceId } from '../../../core/contract/names.js';
import { decodePack } from '../../../core/contract/pack.js';
import { parseJson } from '../../../core/contract/alert.js';
import { releaseReportSchema, type DesiredRelease, type ReleaseReport } from '../../../core/contract/release.js';
import { deviceToken } from '../../../core/runtime/device-token.js';
import { secret, startGateway, type TestGateway } from '../../gateway/harness.js';
import { waitFor } from '../../servers/wait-for.js';
import { deviceRoot, Supervisor, type DeviceRoot } from '../../support/device-root.js';
import { tempDir } from '../../support/temp-dir.js';
import { servePartsOf, testReleases, type TestReleases } from '../../support/test-releases.js';

const { publicKey, privateKey } = generateKeyPairSync('ed25519');

/** A gateway, releases, and a server that has their parts. */
export interface UpgradeLine {
  readonly gateway: TestGateway;
  readonly releases: TestReleases;
  readonly source: string;
  device(name: string, upgrade?: object): Promise<UpgradedDevice>;
}

export async function startUpgradeLine(): Promise<UpgradeLine> {
  const folder = await tempDir();
  const gateway = await startGateway();
  const releases = await testReleases(folder, privateKey);
  const source = await servePartsOf(folder);
  return {
    ...{ gateway, releases, source },
    async device(name, upgrade = {}) {
      const root = await deviceRoot(releases.first, publicKey);
      return new UpgradedDevice({ site: 'plant1', device: name }, root, gateway, upgrade);
    },
  };
}

/** One device under its supervisor, as the gateway and its log see it. */
export class UpgradedDevice {
  supervisor: Supervisor;

  constructor(
    readonly id: DeviceId,
    readonly root: DeviceRoot,
    private readonly gateway: TestGateway,
    upgrade: object,
  ) {
    const edge = {
      ...id,
      gateway: { url: `mqtt://127.0.0.1:${gateway.port}`, password: deviceToken(secret, id) },
      uplink: { heartbeatMs: 500 },
      outbox: {
        directory: root.path('var/lib/fieldline/outbox'),
        maxBytes: 64 * 1024 * 1024,
        reserveBytes: 1024 * 1024,
      },
      sensors: [{ driver: 'host', intervalMs: '50ms', channels: ['load-1m'] }],
      upgrade: {
        publicKeyFile: root.path('etc/fieldline/release-key.pem'),
        directory: root.path('var/lib/fieldline/upgrade'),
        installDirectory: root.path('opt/fieldline'),
        ...upgrade,
      },
    };
    writeFileSync(root.path('etc/fieldline/edge.yaml'), JSON.stringify({ edge }));
    this.supervisor = new Supervisor(root);
  }

  /** The retained wish, by way of the log. */
  async want(release: DesiredRelease): Promise<void> {
    const value = Buffer.from(JSON.stringify(release));
    const record = { key: deviceEventKey(this.id, 'release'), value };
    await this.gateway.memory.append(logTopics.deviceEvents.name, [record]);
  }

  async reports(): Promise<ReleaseReport[]> {
    const records = await this.records(logTopics.deviceEvents.name, deviceEventKey(this.id, 'release-report'));
    return records.map((value) => parseJson(value, releaseReportSchema, 'report'));
  }

  /** The first report that says so of this version, under this id if one is given. */
  async reported(version: string, status: ReleaseReport['status'], id?: string): Promise<ReleaseReport> {
    const what = `${version} ${status} at ${this.id.device}`;
    return waitFor(what, 30_000, async () =>
      (await this.reports()).find(
        (report) => report.version === version && report.status === status && (id ?? report.id) === report.id,
      ),
    ).catch(async (cause: unknown) => {
      const said = JSON.stringify((await this.reports()).slice(-5), null, 1);
      throw new Error(
        `${what}: reports ${said}\nguard: ${this.root.guardState()}\n${this.supervisor.output.slice(-6000)}`,
        { cause },
      );
    });
  }

  /** All packs that are in the log, by number. */
  async packs() {
    const records = await this.records(logTopics.readings.name, deviceKey(this.id));
    return records.map((value) => decodePack(value));
  }

  /** The last number that the device said it gave out. */
  async lastSeq(): Promise<number> {
    const records = await this.records(logTopics.deviceEvents.name, deviceEventKey(this.id, 'heartbeat'));
    return Math.max(...records.map((value) => parseJson(value, heartbeatSchema, 'heartbeat').lastSeq));
  }

  private async records(topic: string, key: string): Promise<Uint8Array[]> {
    const { memory } = this.gateway;
    const bounds = await memory.bounds(topic);
    const all = await Promise.all(bounds.map(({ partition, next }) => memory.read(topic, partition, 0, next)));
    return all.flat().flatMap((record) => (record.key === key ? [record.value] : []));
  }
}

/** Every pack that the device numbered is in the log, under one epoch, and under each number one pack. */
export async function expectAllPacks(
  device: UpgradedDevice,
  { each }: { each: 'once' | 'at least once' },
): Promise<void> {
  const packs = await device.packs();
  const numbers = new Map(packs.map((pack) => [pack.seq, JSON.stringify(pack.points)]));
  const lastSeq = await device.lastSeq();
  expect(new Set(packs.map(({ epoch }) => epoch)).size).toBe(1);
  expect([...numbers.keys()].sort((a, b) => a - b)).toEqual(Array.from({ length: lastSeq + 1 }, (_, i) => i));
  for (const pack of packs) expect(JSON.stringify(pack.points)).toBe(numbers.get(pack.seq));
  if (each === 'once') expect(packs).toHaveLength(numbers.size);
  const stamps = packs.flatMap(({ seq, points }) => points.map(({ sensor, timeUs }) => `${seq} ${sensor} ${timeUs}`));
  const readings = new Set(stamps.map((stamp) => stamp.replace(/^\d+ /, '')));
  expect(readings.size).toBe(new Set(stamps).size);
}
