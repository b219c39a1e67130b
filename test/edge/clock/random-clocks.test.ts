import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { catalogueUnits } from '../../../core/contract/catalogue.js';
import { decodePack, encodePack, resolvePack } from '../../../core/contract/pack.js';
import { holdingOutbox } from '../../../edge/clock/holding-outbox.js';
import { MemoryOutbox } from '../../../edge/outbox/memory-outbox.js';
import type { Entry, Outbox } from '../../../edge/outbox/outbox.js';
import { PackThinner } from '../../../edge/outbox/pack-thinner.js';
import { rawPoint, testCatalogue, testPack } from '../../support/packs.js';
import { bootedUs, holdMs, TestBoard } from './clock-under-test.js';

const catalogue = testCatalogue(['temp']);
const units = catalogueUnits(catalogue);

/** A device whose boots, processes, clocks and connections come and go; its readings are the true time. */
class Device {
  private held!: Outbox;
  private boots = 0;
  private gatewayKnows = new Map<string, number>();
  readonly sent = new Map<number, string>();
  /** What the board's monotonic clock does not count: the time while it was off. */
  private offUs = 0;

  private constructor(
    private readonly board: TestBoard,
    private readonly outbox: MemoryOutbox,
  ) {}

  static async start(): Promise<Device> {
    const board = await TestBoard.create();
    const resolve = (pack: ReturnType<typeof decodePack>) => board.clock.resolved(pack);
    const thinner = new PackThinner({ device: catalogue, catalogueHash: () => 'f'.repeat(32), resolve });
    const device = new Device(board, new MemoryOutbox({ maxBytes: 1e9, thinner, random: randomBytes }));
    await device.outbox.start();
    await device.reboot();
    return device;
  }

  get trueUs(): number {
    return bootedUs + this.offUs + this.board.system.monotonicMs() * 1000;
  }

  async restart(): Promise<void> {
    this.outbox.rewind();
    const clock = await this.board.start({ outbox: () => ({ epoch: this.outbox.epoch, ...this.outbox.status() }) });
    this.held = holdingOutbox(this.outbox, clock);
  }

  async reboot(): Promise<void> {
    this.offUs += 1e9;
    this.boots += 1;
    this.board.trusted = false;
    this.board.bootId = String(this.boots).padStart(32, 'a');
    // The system's clock shows its last guess.
    this.board.system.stepWall(-1234);
    await this.restart();
  }

  async synchronise(): Promise<void> {
    this.board.system.stepWall((this.trueUs - this.board.system.nowUs()) / 1000);
    this.board.trusted = true;
    await this.board.system.advance(500);
  }

  askGateway(): void {
    const { clock, system } = this.board;
    clock.learn(this.trueUs - Math.round(system.monotonicMs() * 1000), 1000);
  }

  async measure(): Promise<void> {
    const { clock } = this.board;
    const boot = clock.unsyncedBoot;
    const points = [rawPoint('temp', clock.nowUs(), this.trueUs)];
    const encode = (seq: number, epoch: string): Uint8Array => {
      if (boot !== undefined) clock.noteUnsynced(seq);
      return encodePack({ ...testPack(catalogue, seq, points, epoch), ...(boot !== undefined && { boot }) }, units);
    };
    await this.outbox.append([{ lane: 'data', readings: 1, encode }]);
  }

  /** A connection: clocks are told, then packs leave; of some the receipt gets lost. */
  async send(acknowledged: boolean): Promise<void> {
    for (const { bootId, offsetUs } of this.board.clock.knownClocks()) this.gatewayKnows.set(bootId, offsetUs);
    const entries = await this.held.offer('data', 5);
    for (const entry of entries) this.receive(entry);
    if (acknowledged) await this.held.acknowledge(entries.map(({ seq }) => seq));
    else this.held.rewind();
  }

  /** A number has one content, however often it is sent. */
  private receive({ seq, payload }: Entry): void {
    const content = Buffer.from(payload).toString('hex');
    expect(this.sent.get(seq) ?? content).toBe(content);
    this.sent.set(seq, content);
  }

  advance(ms: number): Promise<void> {
    return this.board.system.advance(ms);
  }

  /** What arrived with a time, or gets one by the clocks that were told, has the true one. */
  check(): { dated: number; parked: number } {
    let parked = 0;
    for (const content of this.sent.values()) {
      const pack = decodePack(Buffer.from(content, 'hex'));
      const offsetUs = pack.boot === undefined ? 0 : this.gatewayKnows.get(pack.boot);
      if (offsetUs === undefined) parked += 1;
      else
        for (const { timeUs, value } of resolvePack(pack, offsetUs).points)
          expect(Math.abs(timeUs - Number(value))).toBeLessThanOrEqual(1001);
    }
    return { dated: this.sent.size - parked, parked };
  }

  /** The clock of this boot comes, and everything leaves. */
  async end(): Promise<{ dated: number; parked: number }> {
    await this.synchronise();
    while (this.outbox.status().pendingPacks > 0) await this.send(true);
    expect(this.sent.size).toBe(this.outbox.status().lastSeq + 1);
    return this.check();
  }
}

const actions = {
  measure: (device: Device) => device.measure(),
  send: (device: Device) => device.send(true),
  sendUnacknowledged: (device: Device) => device.send(false),
  restart: (device: Device) => device.restart(),
  reboot: (device: Device) => device.reboot(),
  synchronise: (device: Device) => device.synchronise(),
  askGateway: async (device: Device) => device.askGateway(),
  wait: (device: Device) => device.advance(1000),
  waitLong: (device: Device) => device.advance(holdMs / 2 + 1000),
};
const names = Object.keys(actions) as (keyof typeof actions)[];

it('whatever happens, a pack has one content, and a time that it has is the true one', async () => {
  const seen = { dated: 0, parked: 0 };
  const some = fc.array(
    fc.oneof({ weight: 3, arbitrary: fc.constant('measure' as const) }, fc.constantFrom(...names)),
    {
      maxLength: 40,
    },
  );
  await fc.assert(
    fc.asyncProperty(some, async (list) => {
      const device = await Device.start();
      for (const name of list) {
        await actions[name](device);
        device.check();
      }
      const { dated, parked } = await device.end();
      seen.dated += dated;
      seen.parked += parked;
    }),
    { numRuns: 60 },
  );
  expect(seen.dated).toBeGreaterThan(0);
}, 30_000);
