import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import type { Readable, Writable } from 'node:stream';
import { systemClock } from '#core/runtime/clock.js';
import { FatalError, messageOf } from '#core/runtime/errors.js';
import { environment } from '../environment.js';
import { exitCodes } from '../exit-codes.js';
import { UsageError } from '../fail.js';
import { parseBatch, type BatchRow } from './batch.js';
import { isFaults, parseDevice, type InputContext } from './device-input.js';
import { rawDevice, refusedSecrets, spokenIn, type RawDevice } from './device-options.js';
import { FileReader } from './file-reader.js';
import { flashImages } from './images.js';
import { installOn } from './install-on.js';
import { certificateIssuer, enrolmentIssuer, type IdentityIssuer } from './issuers.js';
import { targetOf, type RunOptions, type Target } from './options.js';
import { prepareDevice, type PreparedDevice } from './prepare.js';
import { releaseChoice, type ReleaseChoice } from './release-choice.js';
import { StepReport } from './report.js';
import { SecretReader } from './secrets.js';

/** A device with the place that its image goes to, beside the folder of a batch. */
export interface FlashedDevice extends PreparedDevice {
  readonly out: string | undefined;
}

/** All that a run needs, read and checked; nothing is written yet. */
export interface FlashRun {
  readonly target: Target;
  readonly options: RunOptions;
  readonly devices: readonly FlashedDevice[];
  readonly release: ReleaseChoice;
  readonly report: StepReport;
  readonly signal: AbortSignal;
  /** Asks a person; undefined where nobody can answer. */
  readonly ask: ((question: string) => Promise<string>) | undefined;
}

/** What a run made, for a person and as JSON. */
export interface FlashResult {
  readonly text: readonly string[];
  readonly json: object;
}

/** The process around a run. */
export interface FlashIo {
  readonly stdin: NodeJS.ReadStream | Readable;
  readonly stdout: Writable;
  readonly stderr: NodeJS.WriteStream | Writable;
  /** Secrets by the option that they stand in for. */
  readonly environment: (option: string) => string | undefined;
}

const processIo: FlashIo = {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  environment: environment.flashSecret,
};

/** `fieldline flash`, from the options to the exit code. Throws UsageError and others that `explain` prints. */
export async function flash(
  options: RunOptions & Readonly<Record<string, unknown>>,
  io: FlashIo = processIo,
): Promise<number> {
  const report = new StepReport(io.stderr, () => systemClock.monotonicMs());
  const abort = new AbortController();
  const onSignal = () => {
    report.line('stopping; once more to stop at once');
    abort.abort(new Error('stopped: nothing is left of what was being written'));
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, onSignal);
  try {
    const run = await prepareRun(options, report, abort.signal, io);
    for (const note of run.devices.flatMap(({ notes }) => notes)) report.line(`note: ${note}`);
    const isInstall = run.target.kind === 'ssh' || run.target.kind === 'deb';
    const { text, json } = await (isInstall ? installOn(run) : flashImages(run));
    report.end();
    io.stdout.write(`${options.json ? JSON.stringify(json) : text.join('\n')}\n`);
    return exitCodes.done;
  } catch (error) {
    throw withNextStep(error, options);
  } finally {
    report.end();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, onSignal);
  }
}

async function prepareRun(
  options: RunOptions & Readonly<Record<string, unknown>>,
  report: StepReport,
  signal: AbortSignal,
  { stdin, stderr, environment: variables }: FlashIo,
): Promise<FlashRun> {
  const refused = refusedSecrets(spokenIn(options), false);
  if (refused.length > 0) throw new UsageError(refused.join('\n'));
  const common = rawDevice(options);
  const target = targetOf(options, common);
  const files = new FileReader();
  const secrets = new SecretReader({ stdin, environment: variables });
  const issuer = await issuerOf(options, files, secrets);
  const context = contextOf(options, secrets, issuer);
  const rows = target.kind === 'batch' ? await batchOf(target.table, common, context) : [single(common, context)];
  const release = await releaseChoice(options, files);
  const sources = { files, secrets, issuer, nowMs: nowMs() };
  const devices: FlashedDevice[] = [];
  for (const { input, out } of rows) devices.push({ ...(await prepareDevice(input, sources)), out });
  return { target, options, devices, release, report, signal, ask: asker(stdin, stderr) };
}

function contextOf({ insecure = false }: RunOptions, secrets: SecretReader, issuer?: IdentityIssuer): InputContext {
  return { hasSecret: (option) => secrets.has(option), makesIdentity: issuer !== undefined, insecure };
}

function single(common: RawDevice, context: InputContext): Omit<BatchRow, 'line'> {
  const input = parseDevice(common, context);
  if (!isFaults(input)) return { input, out: undefined };
  throw new UsageError(input.map(({ option, message }) => `--${option}: ${message}`).join('\n'));
}

async function batchOf(table: string, common: RawDevice, context: InputContext): Promise<BatchRow[]> {
  const text = await readFile(table, 'utf8').catch((cause: unknown) => {
    throw new UsageError(`--batch: cannot read ${table}: ${messageOf(cause)}`, { cause });
  });
  return parseBatch(text, table, common, context);
}

async function issuerOf(
  options: RunOptions,
  files: FileReader,
  secrets: SecretReader,
): Promise<IdentityIssuer | undefined> {
  const { signWith, signDays, api } = options;
  if (signWith !== undefined) return certificateIssuer({ files: signWith, days: signDays, nowMs: nowMs() }, files);
  if (api === undefined) return undefined;
  const token = await secrets.read('operator-token-file', options.operatorTokenFile);
  if (token === undefined) {
    throw new UsageError(
      '--operator-token-file: is missing: `fieldline config token` prints it on the gateway’s machine',
    );
  }
  return enrolmentIssuer({ http: api, token });
}

function asker(input: FlashIo['stdin'], output: FlashIo['stderr']): FlashRun['ask'] {
  if (!('isTTY' in input) || !input.isTTY) return undefined;
  return async (question) => {
    const lines = createInterface({ input, output });
    try {
      return await lines.question(question);
    } finally {
      lines.close();
    }
  };
}

/** What the parts below cannot say, for they know nothing of options. */
function withNextStep(error: unknown, { out, deviceNode }: RunOptions): unknown {
  const place = out ?? deviceNode ?? 'the target';
  const next: Readonly<Record<string, string>> = {
    ENOSPC: 'make room there, or name another place with --out',
    EACCES: `you may not write there: look at the rights of ${place}`,
    EPERM: `you may not write there: look at the rights of ${place}`,
    EROFS: 'that file system is read-only: name another place with --out',
    ENOENT: `make the folder first, or look at the name: ${place}`,
    EDQUOT: 'make room there, or name another place with --out',
    EFBIG: 'that file system takes no file of this size: name another place with --out',
    EEXIST: 'remove it, or name another place with --out',
  };
  if (error instanceof UsageError || error instanceof FatalError) return error;
  const step = next[systemCodeBelow(error) ?? ''];
  return step === undefined ? error : new Error(`${messageOf(error)}: ${step}`, { cause: error });
}

/** That of the system, below the codes that the parts gave it. */
function systemCodeBelow(error: unknown): string | undefined {
  for (let e = error; e instanceof Error; e = e.cause) {
    const code = (e as NodeJS.ErrnoException).code;
    if (typeof code === 'string' && /^E[A-Z0-9]+$/.test(code)) return code;
  }
  return undefined;
}

function nowMs(): number {
  return systemClock.nowUs() / 1000;
}
