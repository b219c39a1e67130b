import { Argument, type Command } from 'commander';
import type { Told } from '../device-registry.js';
import { exitCodes } from '../exit-codes.js';
import { UsageError } from '../fail.js';
import { apiOf, withHttp, withToken, type OperatorOptions } from '../operator.js';
import { durationMs, wholeNumber } from '../options.js';

interface FleetOptions extends OperatorOptions {
  json?: boolean;
}
interface ListOptions extends FleetOptions {
  only?: string;
  runs?: string;
  offline?: boolean;
  api?: string;
}
interface RolloutOptions extends FleetOptions {
  stages: string;
  only?: string;
  trial?: number;
  maxFailures?: number;
  maxWait?: number;
  completeness: boolean;
  source?: string[];
  dryRun?: boolean;
  wait?: boolean;
}

const stagesHelp =
  'in order, by comma: <n>% of all, label:<name>=<value>, site:<name>, <site>/<device> with *; + joins, <name>= in front names one';
const id = () => new Argument('[id]', 'the rollout (default: the newest)');

/** `fleet list`, `rollout`, `status`, `pause`, `resume`, `abort` and `wait`; see docs/fleet.md. */
export function addFleet(program: Command): void {
  const group = program.command('fleet').description('what devices run, and bringing releases to them');
  addList(group);
  addRollout(group);
  addStatus(group);
  addOrders(group);
  addWait(group);
}

function addList(group: Command): void {
  command(group, 'list', 'list the devices, and what they run', 'fieldline fleet list --only label:floor=2')
    .option('--only <selector>', 'those only; see rollout --stages')
    .option('--runs <version>', 'those only that run it')
    .option('--offline', 'those only that are offline')
    .option('--api <url>', 'address of fieldline cloud serve, which knows completeness (default: --http)')
    .action(async (options: ListOptions) => {
      const { listFleet } = await import('../fleet.js');
      print(options, await listFleet(await apiOf(options), { ...options, api: options.api ?? options.http }));
    });
}

function addRollout(group: Command): void {
  const example = 'fieldline fleet rollout 1.4.0 --stages canary=label:ring=canary,10%,50%,100% --trial 10m --wait';
  command(group, 'rollout', 'bring a release to devices, stage by stage', example)
    .addArgument(new Argument('<version>', 'of releases that the gateway has'))
    .option('--stages <list>', stagesHelp, '10%,50%,100%')
    .option('--only <selector>', 'these devices only (default: all that take releases)')
    .option(
      '--trial <duration>',
      'a device goes back unless data of it is acknowledged within this (default: 10m)',
      durationMs,
    )
    .option('--max-failures <n>', 'devices that may fail before it stops (default: 0)', wholeNumber(0, 100_000))
    .option('--max-wait <duration>', 'go on without devices that are offline after this (default: wait)', durationMs)
    .option('--no-completeness', 'do not wait until what updated devices sent is in the store')
    .option('--source <url...>', 'where devices get the parts (default: gateway.releases.url)')
    .option('--dry-run', 'only say which devices would be in which stage')
    .option('--wait', 'wait for its end')
    .action(async (version: string, options: RolloutOptions) => {
      const { beginRollout, parseStages } = await import('../fleet.js');
      const { stages, only, trial: trialMs, maxFailures, maxWait: maxWaitMs, completeness, source, dryRun } = options;
      const api = await apiOf(options);
      const wanted = { version, stages: parseStages(stages), only, trialMs, maxFailures, maxWaitMs, completeness };
      const told = await beginRollout(api, { ...wanted, sources: source, dryRun });
      print(options, told);
      if (options.wait && told.id !== undefined) await wait(told.id, options);
    });
}

function addStatus(group: Command): void {
  command(group, 'status', 'tell how a rollout stands', 'fieldline fleet status')
    .addArgument(id())
    .option('--all', 'list all rollouts, the newest first')
    .action(async (which: string | undefined, options: FleetOptions & { all?: boolean }) => {
      const { describeRollout, listRollouts, rolloutOf } = await import('../fleet.js');
      const api = await apiOf(options);
      if (options.all) return print(options, await listRollouts(api));
      const view = await rolloutOf(api, which);
      print(options, { text: describeRollout(view), result: view });
    });
}

function addOrders(group: Command): void {
  const order = async (
    which: string | undefined,
    act: 'pause' | 'resume' | 'abort',
    options: FleetOptions,
    body = {},
  ) => {
    const { orderRollout } = await import('../fleet.js');
    print(options, await orderRollout(await apiOf(options), which, act, body));
  };
  command(group, 'pause', 'let no further device begin', 'fieldline fleet pause')
    .addArgument(id())
    .action((which: string | undefined, options: FleetOptions) => order(which, 'pause', options));
  command(group, 'resume', 'go on with a rollout that was paused', 'fieldline fleet resume')
    .addArgument(id())
    .action((which: string | undefined, options: FleetOptions) => order(which, 'resume', options));
  command(group, 'abort', 'end a rollout; devices keep what they have', 'fieldline fleet abort --revert')
    .addArgument(id())
    .option('--revert', 'devices that took the release go back to what they ran before')
    .option('--force', 'with --revert: although the gateway has not all that they ran before')
    .action(async (which: string | undefined, options: FleetOptions & { revert?: boolean; force?: boolean }) => {
      if (options.force && !options.revert) throw new UsageError('--force takes --revert.');
      await order(which, 'abort', options, { revert: options.revert === true, force: options.force === true });
    });
}

function addWait(group: Command): void {
  command(
    group,
    'wait',
    'wait for the end of a rollout; exit code 1 if it failed or was aborted',
    'fieldline fleet wait',
  )
    .addArgument(id())
    .option('--timeout <duration>', 'wait no longer; exit code 1 then', durationMs)
    .action((which: string | undefined, options: FleetOptions & { timeout?: number }) => wait(which, options));
}

async function wait(which: string | undefined, options: FleetOptions & { timeout?: number }): Promise<void> {
  const { describeRollout, waitRollout } = await import('../fleet.js');
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const view = await waitRollout(await apiOf(options), which, { timeoutMs: options.timeout, say });
  print(options, { text: describeRollout(view), result: view });
  if (view.status !== 'done') process.exitCode = exitCodes.failed;
}

function command(group: Command, word: string, description: string, example: string): Command {
  return withHttp(withToken(group.command(word)))
    .description(description)
    .option('--json', 'print the answer as one JSON value')
    .addHelpText('after', `\nExample:\n  ${example}`);
}

function print({ json }: FleetOptions, { text, result }: Told): void {
  process.stdout.write(`${json ? JSON.stringify(result) : text}\n`);
}
