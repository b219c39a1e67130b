import { createHash } from 'node:crypto';
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt';
import { onTestFinished } from 'vitest';
import { catalogueHash, type Catalogue } from '../../../core/contract/catalogue.js';
import { mqttTopic } from '../../../core/contract/mqtt-topics.js';
import type { DeviceId } from '../../../core/contract/names.js';
import { encodePack } from '../../../core/contract/pack.js';
import {
  desiredReleaseSchema,
  readRelease,
  type DesiredRelease,
  type ReleaseManifest,
  type ReleaseReport,
} from '../../../core/contract/release.js';
import { describeSensor, rawPoint, testCatalogue, testPack } from '../../support/packs.js';
import { keys } from '../releases/make-release.js';

export interface AgentOptions {
  readonly device: DeviceId;
  readonly labels?: Record<string, string>;
  /** Whether a version works on it. */
  readonly works?: (version: string) => boolean;
  readonly connect: IClientOptions & { readonly port: number };
}

/**
 * A device as the gateway sees one: it announces itself, sends packs, and obeys desired releases by the contract's words. It
 * fetches the parts, begins a new session with the release, and confirms it when data of it was acknowledged.
 */
export class Agent {
  running = '1.0.0';
  /** Each part that it fetched, and that had the right hash. */
  readonly fetched: string[] = [];
  /** What it reported, in order. */
  readonly reports: string[] = [];
  private session = 0;
  private nextSeq = 0;
  private seen = '';
  private last: ReleaseReport | undefined;
  private work: Promise<void> = Promise.resolve();
  private readonly catalogue: Catalogue;

  private constructor(
    private readonly options: AgentOptions,
    private readonly client: MqttClient,
  ) {
    const { site, device } = options.device;
    this.catalogue = testCatalogue({ temp: describeSensor({ labels: options.labels ?? {} }) }, site, device);
  }

  static async start(options: AgentOptions): Promise<Agent> {
    const { site, device } = options.device;
    const login = { username: `${site}/${device}`, clientId: device, host: '127.0.0.1', reconnectPeriod: 100 };
    const client = await connectAsync({ ...login, ...options.connect });
    client.on('error', () => undefined);
    onTestFinished(() => void client.end(true));
    const agent = new Agent(options, client);
    client.on('connect', () => agent.soon(() => agent.announce()));
    client.on('message', (topic, payload) => {
      if (topic === mqttTopic(options.device, 'release')) agent.soon(() => agent.obey(payload));
    });
    agent.soon(() => agent.announce());
    await agent.work;
    return agent;
  }

  /** One thing after the other; what a lost connection interrupts is said again after the next one. */
  private soon(work: () => Promise<void>): void {
    this.work = this.work.then(work).catch(() => undefined);
  }

  private async announce(): Promise<void> {
    this.session += 1;
    await this.bear();
    await this.report(this.last ?? { ...this.about(''), status: 'confirmed' });
    await this.client.subscribeAsync(mqttTopic(this.options.device, 'release'), { qos: 1 });
    await this.send();
  }

  private async obey(payload: Buffer): Promise<void> {
    if (payload.byteLength === 0) return;
    const wanted = desiredReleaseSchema.parse(JSON.parse(payload.toString()));
    if (wanted.id === this.seen) return;
    this.seen = wanted.id;
    const manifest = readRelease(wanted.release, keys.publicKey);
    await this.report({ ...this.about(wanted.id), version: manifest.version, status: 'fetching' });
    await this.fetchParts(wanted, manifest);
    const before = this.running;
    this.running = manifest.version;
    this.session += 1;
    await this.bear();
    await this.report({ ...this.about(wanted.id), status: 'trying' });
    if (this.options.works?.(manifest.version) ?? true) {
      await this.send();
      return this.report({ ...this.about(wanted.id), status: 'confirmed' });
    }
    this.running = before;
    this.session += 1;
    await this.bear();
    const reason = 'nothing was acknowledged in time';
    await this.report({ ...this.about(wanted.id), version: manifest.version, status: 'rolled-back', reason });
    await this.send();
  }

  /** In two ranges, as if the first connection had broken. */
  private async fetchParts({ sources }: DesiredRelease, { parts }: ReleaseManifest): Promise<void> {
    for (const { sha256, bytes } of parts) {
      const half = Math.floor(bytes / 2);
      const hash = createHash('sha256');
      for (const range of [`bytes=0-${half - 1}`, `bytes=${half}-`]) {
        const response = await fetch(`${sources[0]}/${sha256}`, {
          headers: { Range: range, 'If-Range': `"${sha256}"` },
        });
        if (response.status !== 206) throw new Error(`answered ${response.status}`);
        hash.update(Buffer.from(await response.arrayBuffer()));
      }
      if (hash.digest('hex') === sha256) this.fetched.push(sha256);
    }
  }

  /** A pack, acknowledged. */
  private async send(): Promise<void> {
    const nowUs = Date.now() * 1000;
    const points = [0, 1, 2].map((n) => rawPoint('temp', nowUs + n, 20 + n));
    const pack = testPack(this.catalogue, this.nextSeq, points, this.epoch);
    const payload = Buffer.from(encodePack(pack, new Map([['temp', 'Cel']])));
    this.nextSeq += 1;
    await this.client.publishAsync(mqttTopic(this.options.device, 'data'), payload, { qos: 1 });
    await this.say({ type: 'heartbeat', ...this.outbox(), pending: 0, bytes: 4096 });
  }

  private async bear(): Promise<void> {
    const { catalogue } = this;
    const told = { catalogueHash: catalogueHash(catalogue), catalogue, version: this.running };
    await this.say({ type: 'birth', ...this.outbox(), ...told });
  }

  private async report(report: ReleaseReport): Promise<void> {
    this.last = { ...report, session: this.sessionId };
    this.reports.push(`${report.version} ${report.status}`);
    await this.say(this.last);
  }

  private about(id: string): Omit<ReleaseReport, 'status'> {
    const { running } = this;
    const timeUs = Date.now() * 1000;
    return { type: 'release', session: this.sessionId, id, running, version: running, arch: 'arm64', timeUs };
  }

  private outbox() {
    const timeUs = Date.now() * 1000;
    return { session: this.sessionId, epoch: this.epoch, lastSeq: this.nextSeq - 1, oldestHeld: this.nextSeq, timeUs };
  }

  private get sessionId(): string {
    return this.session.toString(16).padStart(16, '0');
  }

  private get epoch(): string {
    return createHash('md5').update(this.options.device.device).digest('hex');
  }

  private async say(body: object): Promise<void> {
    await this.client.publishAsync(mqttTopic(this.options.device, 'state'), JSON.stringify(body), { qos: 1 });
  }
}
