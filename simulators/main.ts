/*
 *  scenario → signals → packs → MQTT ══► gateway
 *                         │        └─ acknowledged ─┐
 *                         └──────► journal ◄────────┘ … verify reads it and the store
 */
import { randomBytes } from 'node:crypto';
import { deviceToken } from '#core/runtime/device-token.js';
import type { Clock } from '#core/runtime/clock.js';
import { DevicePublisher } from './device-publisher.js';
import { JournalWriter } from './journal.js';
import { scenarios, type ScenarioName } from './scenarios/registry.js';

export interface SimulationOptions {
  readonly scenario: ScenarioName;
  readonly sensors: number;
  readonly sensorsPerDevice: number;
  readonly everyMs: number;
  readonly forMs: number;
  /** Readings are stamped so long ago: how late data is rehearsed. */
  readonly agoMs: number;
  readonly seed: number;
  readonly spikeProbability: number;
  readonly site: string;
  readonly mqttUrl: string;
  /** The secret that device passwords are derived from. */
  readonly secret: Uint8Array;
  readonly journalPath: string;
  /** How long to wait at the end for what is not acknowledged. */
  readonly drainMs: number;
  readonly clock: Clock;
  /** Ends the load before its time; what was sent is still waited for. */
  readonly signal: AbortSignal;
  /** Ends that waiting, too. */
  readonly abandon: AbortSignal;
  readonly onProgress: (progress: SimulationProgress) => void;
  readonly onFault: (device: string, message: string) => void;
}

export interface SimulationProgress {
  readonly elapsedMs: number;
  readonly devices: number;
  readonly connected: number;
  readonly sentReadings: number;
  readonly ackedReadings: number;
  readonly pendingPacks: number;
}

/** Runs a scenario to its end and resolves with what was sent and acknowledged. */
export async function simulate(options: SimulationOptions): Promise<SimulationProgress> {
  const { clock, scenario, site, seed } = options;
  const journal = new JournalWriter(options.journalPath, {
    fieldline: 'journal/1',
    scenario,
    site,
    seed,
    startedUs: clock.nowUs(),
  });
  const publishers = scenarios[scenario](options).map((simulated) => {
    const password = deviceToken(options.secret, { site, device: simulated.device });
    const epoch = randomBytes(16).toString('hex');
    return new DevicePublisher({
      site,
      simulated,
      url: options.mqttUrl,
      password,
      epoch,
      journal,
      nowUs: () => clock.nowUs(),
      random: Math.random,
      onFault: options.onFault,
    });
  });
  const startMs = clock.monotonicMs();
  const progress = () => summarise(publishers, clock.monotonicMs() - startMs);
  for (const publisher of publishers) publisher.start();
  await Promise.all(
    publishers.map((publisher, index) => drive(publisher, index / publishers.length, options, progress)),
  );
  const drainEndMs = clock.monotonicMs() + options.drainMs;
  while (progress().pendingPacks > 0 && clock.monotonicMs() < drainEndMs && !options.abandon.aborted) {
    options.onProgress(progress());
    await clock.sleep(50, options.abandon);
  }
  await Promise.all(publishers.map((publisher) => publisher.stop()));
  const end = progress();
  await journal.end({ sent: end.sentReadings, acked: end.ackedReadings });
  return end;
}

/** Samples one device on its own phase of the interval, so that the devices do not all speak at once. */
async function drive(
  publisher: DevicePublisher,
  phase: number,
  options: SimulationOptions,
  progress: () => SimulationProgress,
): Promise<void> {
  const { agoMs, clock, everyMs, forMs, signal } = options;
  const startMs = clock.monotonicMs() + phase * everyMs;
  const startUs = clock.nowUs() + Math.round((phase * everyMs - agoMs) * 1000);
  for (let tick = 0; tick * everyMs < forMs && !signal.aborted; tick += 1) {
    await clock.sleep(Math.max(0, startMs + tick * everyMs - clock.monotonicMs()), signal);
    if (signal.aborted) break;
    publisher.sample(startUs + Math.round(tick * everyMs * 1000));
    options.onProgress(progress());
  }
}

function summarise(publishers: readonly DevicePublisher[], elapsedMs: number): SimulationProgress {
  const total = {
    elapsedMs,
    devices: publishers.length,
    connected: 0,
    sentReadings: 0,
    ackedReadings: 0,
    pendingPacks: 0,
  };
  for (const { connected, totals } of publishers) {
    total.connected += Number(connected);
    total.sentReadings += totals.sentReadings;
    total.ackedReadings += totals.ackedReadings;
    total.pendingPacks += totals.sentPacks - totals.ackedPacks;
  }
  return total;
}
