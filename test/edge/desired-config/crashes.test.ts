import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../core/runtime/logger.js';
import type { SensorFlow } from '../../../edge/agent.js';
import type { EdgeConfig } from '../../../edge/config.js';
import { configStateSchema } from '../../../edge/desired-config/config-state.js';
import { DesiredConfig } from '../../../edge/desired-config/desired-config.js';
import { JsonFile } from '../../../edge/json-file.js';
import { waitFor } from '../../servers/wait-for.js';
import { ManualClock } from '../../support/manual-clock.js';
import { tempDir } from '../../support/temp-dir.js';
import { device, keys, localConfig, signed } from './configurable-device.js';

const probationMs = 120_000;

/** A device whose program ends and begins as the test wants; its sensors give what the test says. */
class Program {
  readonly clock = new ManualClock();
  readonly flow = new Map<string, SensorFlow>();
  readonly inForce: EdgeConfig[] = [];
  publicKey: typeof keys.publicKey | undefined = keys.publicKey;
  prepareFault: Error | undefined;
  private readonly local: EdgeConfig;

  private constructor(private readonly path: string) {
    this.local = localConfig(path, 'mqtt://127.0.0.1:1');
  }

  static async create(): Promise<Program> {
    return new Program(await tempDir());
  }

  async begin(): Promise<DesiredConfig> {
    const config = new DesiredConfig({
      device,
      local: this.local,
      publicKey: this.publicKey,
      file: new JsonFile(join(this.path, 'state.json'), configStateSchema, silentLogger),
      probationMs,
      prepare: (prepared) => {
        if (this.prepareFault) throw this.prepareFault;
        return async () => void this.inForce.push(prepared);
      },
      flow: () => this.flow,
      acknowledged: () => 0,
      clock: this.clock,
      logger: silentLogger,
    });
    await config.start();
    return config;
  }

  /** The host gives readings for so long. */
  async measure(ms: number): Promise<void> {
    for (let passedMs = 0; passedMs < ms; passedMs += 1000) {
      const useful = (this.flow.get('host')?.useful ?? 0) + 1;
      this.flow.set('host', { useful, intervalMs: 1000 });
      await this.clock.advance(1000);
    }
  }

  get interval(): number | undefined {
    return (this.inForce.at(-1) ?? this.local).sensors[0]?.intervalMs;
  }
}

/** Files are written beside the clock of the test. */
const settled = (config: DesiredConfig) =>
  waitFor('the verdict', 5000, () => config.outcome?.confirmed || config.outcome?.status === 'rolled-back', 2);

const every = (ms: number) => ({ sensors: [{ driver: 'host', intervalMs: ms }] });

describe('a program that ends on probation', () => {
  it('three times without a word has the last healthy config again', async () => {
    const program = await Program.create();
    const first = await program.begin();
    await first.receive(signed(1, every(111)));
    await program.measure(probationMs + 5000);
    await settled(first);
    expect(first.outcome).toMatchObject({ version: 1, confirmed: true });
    await first.receive(signed(2, every(222)));
    const intervals = [program.interval];
    for (let crash = 0; crash < 3; crash += 1) {
      await program.begin();
      intervals.push(program.interval);
    }
    expect(intervals).toEqual([222, 222, 222, 111]);
    const last = await program.begin();
    expect(last.outcome).toMatchObject({
      version: 2,
      status: 'rolled-back',
      reason: 'the program ended 3 times on probation',
    });
    expect(program.interval).toBe(111);
  });

  it('in good order, as often as one likes, begins its probation anew', async () => {
    const program = await Program.create();
    let config = await program.begin();
    await config.receive(signed(1, every(111)));
    for (let restart = 0; restart < 5; restart += 1) {
      await config.stop(1000);
      config = await program.begin();
    }
    expect(program.interval).toBe(111);
    await program.measure(probationMs + 5000);
    await settled(config);
    expect(config.outcome).toMatchObject({ version: 1, status: 'applied', confirmed: true });
  });

  it('still knows what flowed before', async () => {
    const program = await Program.create();
    const first = await program.begin();
    await program.measure(10_000);
    await first.receive(signed(1, every(111)));
    program.flow.set('host', { useful: 0, intervalMs: 1000 });
    const second = await program.begin();
    await program.clock.advance(probationMs);
    await settled(second);
    expect(second.outcome).toMatchObject({ status: 'rolled-back', reason: 'no reading came from host within 120 s' });
    expect(program.interval).toBe(50);
  });
});

describe('what is kept', () => {
  it('refuses an older version after a restart too', async () => {
    const program = await Program.create();
    await (await program.begin()).receive(signed(7, every(77)));
    const config = await program.begin();
    const told: string[] = [];
    config.onOutcome(({ version, status }) => told.push(`${version} ${status}`));
    await config.receive(signed(6, every(66)));
    await config.receive(signed(7, every(77)));
    expect(told).toEqual(['6 rejected', '7 applied']);
    expect(program.interval).toBe(77);
  });

  it('holds only under the key that signed it', async () => {
    const program = await Program.create();
    const first = await program.begin();
    await first.receive(signed(1, every(111)));
    await program.measure(probationMs + 5000);
    await settled(first);
    await first.stop(1000);
    program.publicKey = undefined;
    program.inForce.length = 0;
    expect((await program.begin()).outcome).toBeUndefined();
    expect(program.interval).toBe(50);
  });

  it('gives way to the local file if it cannot be used any more', async () => {
    const program = await Program.create();
    const first = await program.begin();
    await first.receive(signed(1, every(111)));
    await program.measure(probationMs + 5000);
    await settled(first);
    program.prepareFault = new Error('no such driver');
    program.inForce.length = 0;
    await program.begin();
    expect(program.inForce).toEqual([]);
  });

  it('is not touched by a config that cannot be made ready', async () => {
    const program = await Program.create();
    const config = await program.begin();
    program.prepareFault = new Error('no such port');
    await config.receive(signed(1, every(111)));
    expect(config.outcome).toBeUndefined();
    program.prepareFault = undefined;
    await config.receive(signed(1, every(111)));
    expect(program.interval).toBe(111);
  });
});
