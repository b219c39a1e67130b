import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Argument, type Command } from 'commander';
import { nameSchema } from '#core/contract/names.js';
import { systemClock } from '#core/runtime/clock.js';
import { messageOf } from '#core/runtime/errors.js';
import type { SimulationOptions, SimulationProgress } from '../../simulators/main.js';
import { scenarios, type ScenarioName } from '../../simulators/scenarios/registry.js';
import type { Verdict } from '../../simulators/verify.js';
import { exitCodes } from '../exit-codes.js';
import { UsageError } from '../fail.js';
import { durationMs, fraction, wholeNumber } from '../options.js';
import { openProgress } from '../progress.js';

interface SimulateOptions {
  sensors: number;
  perDevice: number;
  every: number;
  for: number;
  ago: number;
  seed: number;
  spikes: number;
  site?: string;
  mqtt: string;
  data: string;
  secretFile?: string;
  journal: string;
  drain: number;
  json?: boolean;
}

const simulateHelp = `
Examples:
  fieldline simulate smart-factory --sensors 5000 --every 1s --for 60s
  fieldline simulate smart-building --sensors 10000 --every 5s --journal building.jsonl
  fieldline simulate verify fieldline-journal.jsonl

Ctrl-C ends the load and waits for acknowledgements; a second one does not wait.
Exit codes: 0 all readings acknowledged (verify: nothing lost, doubled or changed), 1 not so, 2 bad usage.`;

export function addSimulate(program: Command): void {
  const group = program
    .command('simulate')
    .description('run simulated sensors against a gateway, and check what arrived')
    .addHelpText('after', simulateHelp);
  for (const name of Object.keys(scenarios) as ScenarioName[]) addScenario(group, name);
  addVerify(group);
}

function addScenario(group: Command, name: ScenarioName): void {
  group
    .command(name)
    .description(`simulate a ${name.replace('-', ' ')}; every pack sent and acknowledged is written to a journal`)
    .option('--sensors <n>', 'number of sensors', wholeNumber(1, 1_000_000), name === 'smart-factory' ? 5000 : 10_000)
    .option('--per-device <n>', 'sensors of one device', wholeNumber(1, 10_000), 100)
    .option('--every <duration>', 'sampling interval', durationMs, name === 'smart-factory' ? 1000 : 5000)
    .option('--for <duration>', 'length of the run', durationMs, 60_000)
    .option('--ago <duration>', 'stamp readings so long ago, as late data is', durationMs, 0)
    .option('--seed <n>', 'seed of all values', wholeNumber(0, 2 ** 31 - 1), 1)
    .option('--spikes <p>', 'probability of a spike per reading', fraction, 0)
    .option('--site <name>', `site name (default: "${name}")`)
    .option('--mqtt <url>', 'the gateway', 'mqtt://127.0.0.1:1883')
    .option('--data <dir>', 'data directory of the gateway on this machine, for its device secret', './data')
    .option('--secret-file <file>', 'the device secret, if not in the data directory')
    .option('--journal <file>', 'where to write the journal', 'fieldline-journal.jsonl')
    .option('--drain <duration>', 'how long to wait at the end for acknowledgements', durationMs, 120_000)
    .option('--json', 'print the result as one JSON line')
    .addHelpText('after', `\nExample:\n  fieldline simulate ${name} --sensors 1000 --every 1s --for 30s`)
    .action(async (options: SimulateOptions) => {
      process.exitCode = await runScenario(name, options);
    });
}

async function runScenario(name: ScenarioName, options: SimulateOptions): Promise<number> {
  const ending = stopOnSignals();
  const { simulate } = await import('../../simulators/main.js');
  const ticks = Math.ceil(options.for / options.every);
  const progress = openProgress(ticks * options.sensors, 'readings', process.stderr, () => systemClock.monotonicMs());
  const result = await simulate(
    await simulationOptions(name, options, ending, (p) => progress.update(p.ackedReadings, note(p))),
  );
  progress.stop();
  print(
    options.json,
    result,
    `${result.sentReadings} readings sent, ${result.ackedReadings} acknowledged, journal in ${options.journal}`,
  );
  return result.pendingPacks === 0 ? exitCodes.done : exitCodes.failed;
}

/** The first signal ends the load and waits for what is on its way, the second waits for nothing. */
function stopOnSignals(): Pick<SimulationOptions, 'signal' | 'abandon'> {
  const [load, waiting] = [new AbortController(), new AbortController()];
  const stop = () => (load.signal.aborted ? waiting : load).abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stop);
  return { signal: load.signal, abandon: waiting.signal };
}

async function simulationOptions(
  scenario: ScenarioName,
  options: SimulateOptions,
  ending: Pick<SimulationOptions, 'signal' | 'abandon'>,
  onProgress: SimulationOptions['onProgress'],
): Promise<SimulationOptions> {
  const site = nameSchema.safeParse(options.site ?? scenario);
  if (!site.success) throw new UsageError(`--site ${options.site}: ${site.error.issues[0]!.message}`);
  let lastFault = '';
  return {
    scenario,
    sensors: options.sensors,
    sensorsPerDevice: options.perDevice,
    everyMs: options.every,
    forMs: options.for,
    agoMs: options.ago,
    seed: options.seed,
    spikeProbability: options.spikes,
    site: site.data,
    mqttUrl: options.mqtt,
    secret: await readSecret(options.secretFile ?? join(options.data, 'secrets', 'device-secret')),
    journalPath: options.journal,
    drainMs: options.drain,
    clock: systemClock,
    ...ending,
    onProgress,
    // Every device meets the same outage: say a new fault once, not once per device.
    onFault: (_device, message) => {
      if (message !== lastFault) process.stderr.write(`${options.mqtt}: ${(lastFault = message)}\n`);
    },
  };
}

async function readSecret(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new UsageError(
      `cannot read the device secret (${messageOf(error)}); start the gateway once, or name it with --secret-file`,
    );
  }
}

function note({ connected, devices, pendingPacks }: SimulationProgress): string {
  return `${connected}/${devices} devices, ${pendingPacks} packs waiting`;
}

interface VerifyOptions {
  http: string;
  wait: number;
  json?: boolean;
}

function addVerify(group: Command): void {
  group
    .command('verify')
    .description('compare a journal with the store: lost, duplicated, changed')
    .addArgument(new Argument('<journal>', 'the file that a simulation wrote'))
    .option('--http <url>', 'the HTTP API', 'http://127.0.0.1:8080')
    .option('--wait <duration>', 'how long readings and rollups may take to settle', durationMs, 180_000)
    .option('--json', 'print the verdict as one JSON line')
    .addHelpText(
      'after',
      '\nExample:\n  fieldline simulate verify fieldline-journal.jsonl --http http://127.0.0.1:8080',
    )
    .action(async (journal: string, options: VerifyOptions) => {
      const verdict = await verifyUntilSettled(journal, options);
      print(options.json, verdict, describe(verdict));
      process.exitCode = verdict.ok ? exitCodes.done : exitCodes.failed;
    });
}

/** What is on its way may still arrive, and a bucket closes a minute later: look again until all is well or time is up. */
async function verifyUntilSettled(journal: string, { http, wait }: VerifyOptions): Promise<Verdict> {
  const { verify } = await import('../../simulators/verify.js');
  const endMs = systemClock.monotonicMs() + wait;
  const progress = openProgress(wait, 'ms', process.stderr, () => systemClock.monotonicMs());
  try {
    for (;;) {
      const verdict = await verify(journal, http);
      const leftMs = endMs - systemClock.monotonicMs();
      const { lost } = verdict.readings;
      const canSettle = lost > 0 || verdict.rollups.wrong > 0 || verdict.alerts.lost > 0;
      if (verdict.ok || leftMs <= 0 || !canSettle) return verdict;
      progress.update(wait - leftMs, `${lost} readings and ${verdict.rollups.wrong} rollups not there yet`);
      await systemClock.sleep(Math.min(3000, leftMs));
    }
  } finally {
    progress.stop();
  }
}

function describe({ ok, readings, rollups, alerts, log, examples }: Verdict): string {
  return [
    `readings    ${readings.expected} sent, ${readings.acknowledged} acknowledged, ${readings.found} found, ${readings.inDoubt} in doubt`,
    `            lost ${readings.lost}, duplicated ${readings.duplicated}, changed ${readings.changed}, unexpected ${readings.unexpected}`,
    `rollups     ${rollups.buckets} one-minute buckets, ${rollups.wrong} wrong`,
    `alerts      ${alerts.expected} sent, lost ${alerts.lost}, duplicated ${alerts.duplicated}`,
    `log         ${log.packs} packs, missing ${log.missing}, conflicting ${log.conflicting}; ${log.replayed} replays, stored once`,
    ...examples.map((example) => `  ${example}`),
    ok ? 'Every acknowledged reading is in the store, once and unchanged.' : 'The store does not match the journal.',
  ].join('\n');
}

function print(json: boolean | undefined, value: unknown, text: string): void {
  process.stdout.write(`${json ? JSON.stringify(value) : text}\n`);
}
