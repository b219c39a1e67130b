import { catalogueHash } from '../../../core/contract/catalogue.js';
import { deviceEventKey, type DeviceEventKind } from '../../../core/contract/device-events.js';
import { deviceKey, isName, type DeviceId } from '../../../core/contract/names.js';
import { desiredReleaseSchema, type DesiredRelease, type ReleaseReport } from '../../../core/contract/release.js';
import {
  parseRolloutKey,
  rolloutKey,
  type CompletenessSince,
  type PackMark,
  type RolloutBack,
} from '../../../core/contract/rollout.js';
import { rolloutRecord } from '../../../core/contract/rollout-book.js';
import type { LogRecord, StoredRecord } from '../../../core/log/log.js';
import type { Clock } from '../../../core/runtime/clock.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import { DesiredReleases } from '../../../gateway/desired/desired-releases.js';
import type { DeviceEventRecord } from '../../../gateway/desired/device-events.js';
import { FleetBook } from '../../../gateway/rollout/fleet-book.js';
import { orderRecord, planRollout, recordsOf, type RolloutRequest } from '../../../gateway/rollout/new-rollout.js';
import { Rollouts } from '../../../gateway/rollout/rollouts.js';
import { describeSensor, testCatalogue } from '../../support/packs.js';
import { makeRelease } from '../releases/make-release.js';

/** One gateway over the log of the world: it has read the first `read` records. */
export interface TestGateway {
  readonly rollouts: Rollouts;
  readonly desired: DesiredReleases;
  readonly fleet: FleetBook;
  read: number;
}

/** A device that does what it is told, or fails at it. */
export class SimDevice implements DeviceId {
  online = true;
  running = '1.0.0';
  session = 1;
  lastSeq = 9;
  /** A number that never came to the store. */
  lost: number | undefined;
  /** The last announcement that it obeyed or refused. */
  seen = '';
  trying: DesiredRelease | undefined;

  constructor(
    readonly site: string,
    readonly device: string,
    readonly labels: Readonly<Record<string, string>>,
  ) {}
}

export const version = '2.0.0';
const old = makeRelease('1.0.0');
const made = makeRelease(version);
export const kept = [old, made].map(({ release, manifest }) => ({ release, manifest, complete: true }));

/** A log, the gateways that read it at their own pace, and the devices; time goes by hand. */
export class World {
  readonly log: StoredRecord[] = [];
  readonly gateways: TestGateway[] = [];
  readonly devices: SimDevice[];
  nowUs = 1_800_000_000_000_000;
  /** Hears what is appended, before anybody acts on it. */
  onAppend: (record: LogRecord) => void = () => undefined;
  /** Whether gateways read what is appended before whoever appended hears that it is. */
  isEager = false;
  private readonly retained = new Map<string, Uint8Array>();
  private readonly clock: Clock = {
    nowUs: () => this.nowUs,
    monotonicMs: () => this.nowUs / 1000,
    sleep: (_ms, signal) => new Promise((resolve) => signal?.addEventListener('abort', () => resolve())),
  };

  constructor(devices: readonly SimDevice[], gateways: number) {
    this.devices = [...devices];
    for (const device of devices) this.bear(device);
    for (let i = 0; i < gateways; i += 1) this.gateways.push(this.newGateway());
  }

  /** A gateway as it is after its start: it has read everything. */
  newGateway(): TestGateway {
    const { clock } = this;
    const publish = (device: DeviceId, payload: Uint8Array) => {
      this.retained.set(deviceKey(device), payload);
      return Promise.resolve();
    };
    const log = { append: (_topic: string, records: readonly LogRecord[]) => this.append(records) };
    const desired = new DesiredReleases({ log, publish, logger: silentLogger });
    const fleet = new FleetBook(silentLogger);
    const completenessOf = (device: DeviceId, since: PackMark) => Promise.resolve(this.completeness(device, since));
    const limits = { atOnce: 3, silentAfterMs: 300_000 };
    const rollouts = new Rollouts({
      log,
      desired,
      fleet,
      completenessOf,
      clock,
      logger: silentLogger,
      random: () => 0.5,
      ...limits,
    });
    const gateway = { rollouts, desired, fleet, read: 0 };
    this.deliver(gateway);
    void desired.start();
    return gateway;
  }

  deliver(gateway: TestGateway, most = Infinity): void {
    for (let n = 0; n < most && gateway.read < this.log.length; n += 1, gateway.read += 1) {
      const record = this.log[gateway.read]!;
      const event = eventOf(record);
      if (event) {
        gateway.desired.learn(event);
        gateway.fleet.learn(event);
      } else gateway.rollouts.learn(record);
    }
  }

  async begin(id: string, request: Partial<RolloutRequest> & Pick<RolloutRequest, 'stages'>): Promise<void> {
    const [gateway] = this.gateways;
    this.deliver(gateway!);
    const defaults = { version, only: 'all', trialMs: 60_000, maxFailures: 0, completeness: true, dryRun: false };
    const seams = {
      fleet: gateway!.fleet,
      desired: gateway!.desired,
      isRetired: () => false,
      url: 'http://gateway/releases',
    };
    const { head, devices } = planRollout({ ...defaults, ...request }, kept, seams);
    for (const group of recordsOf(id, { ...head, by: 'test', createdUs: this.nowUs }, devices))
      await this.append(group);
  }

  order(id: string, want: 'run' | 'pause' | 'abort', revert = false): Promise<void> {
    const back: RolloutBack = { version: '1.0.0', releases: { arm64: old.release } };
    const records = [orderRecord(id, { want, revert, atUs: this.nowUs, by: 'test' })];
    return this.append(revert ? [rolloutRecord(rolloutKey(id, 'back'), back), ...records] : records);
  }

  /** The device looks at what it was told, or goes one step on; `works`: whether the release does on it. */
  step(device: SimDevice, works: (device: SimDevice, version: string) => boolean): void {
    if (!device.online) return;
    const payload = this.retained.get(deviceKey(device));
    if (device.trying) return this.endTrial(device, device.trying, works);
    if (!payload || payload.byteLength === 0) return;
    const wanted = desiredReleaseSchema.parse(JSON.parse(Buffer.from(payload).toString()));
    if (wanted.id === device.seen) return;
    device.seen = wanted.id;
    device.trying = wanted;
    device.session += 1;
    this.report(device, wanted, 'trying', versionOf(wanted));
    this.bear(device);
  }

  private endTrial(
    device: SimDevice,
    wanted: DesiredRelease,
    works: (device: SimDevice, version: string) => boolean,
  ): void {
    device.trying = undefined;
    device.lastSeq += 3;
    if (works(device, versionOf(wanted))) {
      device.running = versionOf(wanted);
      this.report(device, wanted, 'confirmed', versionOf(wanted));
    } else {
      device.session += 1;
      this.bear(device);
      this.report(device, wanted, 'rolled-back', versionOf(wanted));
    }
  }

  goOffline(device: SimDevice): void {
    if (device.online) this.say(device, 'offline', { type: 'offline', session: sessionOf(device) });
    device.online = false;
  }

  comeBack(device: SimDevice): void {
    if (!device.online) {
      device.session += 1;
      this.bear(device);
    }
    device.online = true;
  }

  /** Whether nothing is missing of what it sent. */
  isWhole({ lost, lastSeq }: SimDevice): boolean {
    return lost === undefined || lost > lastSeq;
  }

  /** What a device last reported, as it stands in the log. */
  reported(device: DeviceId): ReleaseReport | undefined {
    const key = deviceEventKey(device, 'release-report');
    const record = this.log.findLast((one) => one.key === key);
    return record && (JSON.parse(Buffer.from(record.value).toString()) as ReleaseReport);
  }

  /** The ids of all that a device was ever told to run. */
  told(device: DeviceId): string[] {
    const key = deviceEventKey(device, 'release');
    const values = this.log.filter((one) => one.key === key && one.value.byteLength > 0).map(({ value }) => value);
    return values.map((value) => (JSON.parse(Buffer.from(value).toString()) as DesiredRelease).id);
  }

  append(records: readonly LogRecord[]): Promise<void> {
    this.push(records);
    if (this.isEager) for (const gateway of this.gateways) this.deliver(gateway);
    return Promise.resolve();
  }

  private push(records: readonly LogRecord[]): void {
    for (const record of records) {
      this.onAppend(record);
      this.log.push({ ...record, offset: this.log.length, appendedUs: (this.nowUs += 1000) });
    }
  }

  private completeness({ site, device }: DeviceId, since: PackMark): CompletenessSince | undefined {
    const found = this.devices.find((one) => one.site === site && one.device === device);
    if (!found) return undefined;
    const { lastSeq, lost } = found;
    const expected = lastSeq - since.seq;
    const firstMissing = lost !== undefined && lost > since.seq && lost <= lastSeq ? lost : null;
    const received = expected - (firstMissing === null ? 0 : 1);
    return {
      session: sessionOf(found),
      epoch,
      lastSeq,
      received,
      expected,
      firstMissing,
      holds: firstMissing === null,
    };
  }

  private bear(device: SimDevice): void {
    const sensors = { temp: describeSensor({ labels: device.labels }) };
    const catalogue = testCatalogue(sensors, device.site, device.device);
    const outbox = { session: sessionOf(device), epoch, lastSeq: device.lastSeq, oldestHeld: 0, timeUs: this.nowUs };
    const told = { catalogueHash: catalogueHash(catalogue), catalogue, version: device.running };
    this.say(device, 'birth', { type: 'birth', ...outbox, ...told });
    if (!this.reported(device)) this.report(device, undefined, 'confirmed', device.running);
  }

  private report(
    device: SimDevice,
    wanted: DesiredRelease | undefined,
    status: ReleaseReport['status'],
    about: string,
  ): void {
    const running = status === 'rolled-back' ? device.running : about;
    const session = sessionOf(device);
    const report = {
      type: 'release',
      session,
      id: wanted?.id ?? '',
      running,
      version: about,
      arch: 'arm64',
      status,
      timeUs: this.nowUs,
    };
    this.say(device, 'release-report', report);
  }

  private say(device: DeviceId, kind: DeviceEventKind, body: object): void {
    this.push([{ key: deviceEventKey(device, kind), value: Buffer.from(JSON.stringify(body)) }]);
  }
}

const epoch = '0123456789abcdef0123456789abcdef';

export function sessionOf({ session }: SimDevice): string {
  return session.toString(16).padStart(16, '0');
}

/** The stage that a record opens; undefined for any other. */
export function openedStage({ key }: LogRecord): number | undefined {
  const named = parseRolloutKey(key);
  return named?.kind === 'stage' ? named.n : undefined;
}

function versionOf({ release }: DesiredRelease): string {
  return (JSON.parse(release.signed) as { version: string }).version;
}

function eventOf({ key, value, appendedUs, offset }: StoredRecord): DeviceEventRecord | undefined {
  const [site, device, kind, id = ''] = key.split('/');
  if (!isName(site) || !isName(device) || kind === undefined) return undefined;
  return { device: { site, device }, kind, id, value, appendedUs, offset };
}
