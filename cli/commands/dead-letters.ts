import { Argument, InvalidArgumentError, Option, type Command } from 'commander';
import { systemClock } from '#core/runtime/clock.js';
import { parseDurationMs } from '#core/runtime/durations.js';
import { parseTimeUs } from '#core/runtime/parse-time.js';
import { UsageError } from '../fail.js';
import { apiOf, withHttp, withToken, type OperatorOptions } from '../operator.js';
import { wholeNumber } from '../options.js';

interface FilterOptions extends OperatorOptions {
  reason?: string;
  device?: string;
  stage?: string;
  since?: number;
  limit: number;
  json?: boolean;
}
interface ListOptions extends FilterOptions {
  state: string;
}
interface ReplayOptions extends FilterOptions {
  all?: boolean;
  again?: boolean;
  dryRun?: boolean;
}

const most = 10_000;

export function addDeadLetters(program: Command): void {
  const group = program
    .command('dead-letters')
    .description('what gateway and ingest have set aside: list it, look at it, and replay it once its cause is mended');
  addList(group);
  addShow(group);
  addReplay(group);
}

function addList(group: Command): void {
  withFilter(group.command('list'), 50)
    .description('list the newest first')
    .addOption(
      new Option('--state <state>', 'open: never replayed; failed: replayed, and it failed again')
        .choices(['open', 'failed', 'replayed', 'all'])
        .default('all'),
    )
    .addHelpText('after', '\nExample:\n  fieldline dead-letters list --reason schema --since 1h')
    .action(async (options: ListOptions) => {
      const { listLetters } = await import('../dead-letters.js');
      const { text, result } = await listLetters(await apiOf(options), { ...filterOf(options), state: options.state });
      print(options, text, result);
    });
}

function addShow(group: Command): void {
  withHttp(withToken(group.command('show')))
    .description('print one with its headers and its bytes, as text or as hex')
    .addArgument(new Argument('<position>', 'partition/offset, as `list` prints it'))
    .option('--raw', 'print nothing but the bytes, as they came')
    .option('--json', 'print the letter as one JSON value, its bytes as base64')
    .addHelpText('after', '\nExample:\n  fieldline dead-letters show 0/17')
    .action(async (position: string, options: OperatorOptions & { raw?: boolean; json?: boolean }) => {
      const { showLetter } = await import('../dead-letters.js');
      const { text, bytes, result } = await showLetter(await apiOf(options), positionOf(position));
      if (options.raw) process.stdout.write(bytes);
      else print(options, text, result);
    });
}

function addReplay(group: Command): void {
  withFilter(group.command('replay'), most)
    .description(
      'take letters through the decoders again; each of their readings counts once, however often; exit code 1 if one failed',
    )
    .addArgument(new Argument('[positions...]', 'partition/offset, as `list` prints it; or name them by the options'))
    .option('--all', 'all that were not replayed yet')
    .option('--again', 'also those that were replayed already')
    .option('--dry-run', 'only tell what would become of them')
    .addHelpText(
      'after',
      '\nExamples:\n  fieldline dead-letters replay 0/17 0/18\n  fieldline dead-letters replay --reason version --dry-run',
    )
    .action(async (positions: string[], options: ReplayOptions) => {
      const [{ replayLetters }, { openProgress }] = await Promise.all([
        import('../dead-letters.js'),
        import('../progress.js'),
      ]);
      const api = await apiOf(options);
      const named = positions.length > 0 ? positions.map(positionOf) : await matching(api, options);
      const progress =
        named.length > 1 && !options.json
          ? openProgress(named.length, 'letters', process.stderr, () => performance.now())
          : undefined;
      const { text, done, results } = await replayLetters(api, named, { dryRun: options.dryRun ?? false, progress });
      print(options, text, results);
      if (!done) process.exitCode = 1;
    });
}

/** The positions that the options name, the oldest first. */
async function matching(api: Awaited<ReturnType<typeof apiOf>>, options: ReplayOptions): Promise<string[]> {
  const { reason, device, stage, since, all, again } = options;
  if ([reason, device, stage, since].every((one) => one === undefined) && !all) {
    throw new UsageError('name letters by position, by --reason, --device, --stage or --since, or say --all');
  }
  const { listLetters } = await import('../dead-letters.js');
  const { result } = await listLetters(api, filterOf(options));
  const wanted = result.letters.filter(({ state }) => again || state !== 'replayed');
  return wanted.map(({ position }) => position).reverse();
}

function withFilter(command: Command, limit: number): Command {
  return withHttp(withToken(command))
    .option('--reason <code>', 'only those of this reason')
    .option('--device <site/device>', 'only those of a device; with a slash at the end, of a site')
    .option('--stage <stage>', 'only those of gateway, ingest or spool')
    .option('--since <time>', 'only those set aside since: a duration such as 1h, or a time', sinceUs)
    .option('--limit <n>', 'at most so many, the newest', wholeNumber(1, most), limit)
    .option('--json', 'print the answer as one JSON value');
}

function filterOf({ reason, device, stage, since, limit }: FilterOptions) {
  return { reason, device, stage, sinceUs: since, limit };
}

function sinceUs(text: string): number {
  const ms = parseDurationMs(text);
  const timeUs = ms === undefined ? parseTimeUs(text) : systemClock.nowUs() - ms * 1000;
  if (timeUs === undefined)
    throw new InvalidArgumentError('Expected a duration such as 1h, or a time such as 2026-11-21T08:00.');
  return Math.round(timeUs);
}

function positionOf(text: string): string {
  if (/^\d{1,6}\/\d{1,15}$/.test(text)) return text;
  throw new UsageError(`${text} is not the position of a letter, such as 0/17`);
}

function print({ json }: { json?: boolean }, text: string, result: unknown): void {
  process.stdout.write(`${json ? JSON.stringify(result) : text}\n`);
}
