import { setTimeout as pause } from 'node:timers/promises';
import type { LetterList } from '../gateway/dead-letters/letter-index.js';
import type { ListedLetter } from '../gateway/dead-letters/letter.js';
import type { ReplayResult } from '../gateway/dead-letters/replayer.js';
import { AnsweredError, askOperator, type OperatorApi } from './operator.js';
import type { Progress } from './progress.js';

interface ShownLetter extends Omit<ListedLetter, 'state'> {
  readonly headers: Readonly<Record<string, string>>;
  /** Base64. */
  readonly value: string;
}

export interface LetterQuery {
  readonly reason?: string | undefined;
  readonly device?: string | undefined;
  readonly stage?: string | undefined;
  readonly state?: string | undefined;
  readonly sinceUs?: number | undefined;
  readonly limit: number;
}

const path = '/api/v1/dead-letters';
/** Letters of one request: the bar moves, and a gateway that is asked for much answers in time. */
const chunkLetters = 25;
const againMs = 1000;
const tries = 5;

export async function listLetters(api: OperatorApi, query: LetterQuery): Promise<{ text: string; result: LetterList }> {
  const parameters = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)] as [string, string]],
  );
  const result = await askOperator<LetterList>(api, 'GET', `${path}?${new URLSearchParams(parameters).toString()}`);
  return { text: [...result.letters.map(lineOf).map(tame), summaryOf(result)].join('\n'), result };
}

export async function showLetter(
  api: OperatorApi,
  position: string,
): Promise<{ text: string; bytes: Uint8Array; result: ShownLetter }> {
  const result = await askOperator<ShownLetter>(api, 'GET', `${path}/${position}`);
  const bytes = Buffer.from(result.value, 'base64');
  const { key, trial, headers } = result;
  const named = Object.entries({ position, key, setAside: timeOf(result.setAsideUs), ...headers });
  const width = Math.max(...named.map(([name]) => name.length));
  const lines = named.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
  if (trial) lines.push(`${'replay'.padEnd(width)}  ${trialOf(trial)}`);
  return { text: [...lines.map(tame), '', readable(bytes)].join('\n'), bytes, result };
}

/** Replays letters, some at a time, in the order given; what the gateway cannot do while its log is away it is asked again. */
export async function replayLetters(
  api: OperatorApi,
  positions: readonly string[],
  { dryRun, progress }: { readonly dryRun: boolean; readonly progress: Progress | undefined },
): Promise<{ text: string; done: boolean; results: ReplayResult[] }> {
  const results: ReplayResult[] = [];
  for (let i = 0; i < positions.length; i += chunkLetters) {
    const body = Buffer.from(JSON.stringify({ letters: positions.slice(i, i + chunkLetters), dryRun }));
    results.push(
      ...(await patiently(() => askOperator<{ results: ReplayResult[] }>(api, 'POST', `${path}/replay`, body))),
    );
    const failed = results.filter(({ outcome }) => outcome === 'failed').length;
    progress?.update(results.length, failed === 0 ? '' : `${failed} failed`);
  }
  progress?.stop();
  const failures = results.filter(({ outcome }) => outcome === 'failed');
  const lines = failures.map(({ position, reason, detail }) => `${position}  ${reason}: ${detail}`);
  return { text: [...lines.map(tame), totalOf(results)].join('\n'), done: failures.length === 0, results };
}

/** A replay counts once, so it may be asked again where nobody knows what became of it. */
async function patiently(ask: () => Promise<{ results: ReplayResult[] }>): Promise<ReplayResult[]> {
  for (let left = tries; ; left -= 1) {
    try {
      return (await ask()).results;
    } catch (error) {
      if (left === 1 || !(error instanceof AnsweredError) || error.status < 500) throw error;
      await pause(againMs);
    }
  }
}

function lineOf(letter: ListedLetter): string {
  const { position, setAsideUs, stage, reason, key, bytes, detail, state, trial } = letter;
  const tried = state === 'open' || !trial ? '' : `  [${trialOf(trial)}]`;
  return `${position}  ${timeOf(setAsideUs)}  ${stage}  ${reason}  ${key}  ${bytes} B  ${detail}${tried}`;
}

function trialOf({ outcome, reason, detail }: NonNullable<ListedLetter['trial']>): string {
  if (outcome === 'replayed') return detail === '' ? 'replayed' : `replayed, but for ${detail}`;
  return `failed again: ${reason}${detail === '' ? '' : `, ${detail}`}`;
}

function summaryOf({ letters, matched, looked, more }: LetterList): string {
  const shown =
    letters.length < matched
      ? `${letters.length} of ${matched} letters`
      : `${matched} ${matched === 1 ? 'letter' : 'letters'}`;
  return more ? `${shown}, of the newest ${looked}; older ones are found by their position.` : `${shown}.`;
}

function totalOf(results: readonly ReplayResult[]): string {
  const readings = results.reduce((sum, result) => sum + result.readings, 0);
  const count = (outcome: ReplayResult['outcome']) => results.filter((one) => one.outcome === outcome).length;
  const parts = [
    [count('replayed'), 'replayed'],
    [count('would-replay'), 'would be replayed'],
    [count('nothing'), 'of no use any more'],
    [count('failed'), 'failed'],
  ].flatMap(([number, words]) => (number === 0 ? [] : [`${number} ${words}`]));
  return `${parts.join(', ') || 'No letters'}; ${readings} readings.`;
}

function timeOf(timeUs: number): string {
  return new Date(timeUs / 1000).toISOString();
}

/** What strangers have sent may hold what a terminal would obey. */
function tame(line: string): string {
  return line.replace(/\p{Cc}/gu, '\u{fffd}');
}

/** As text if it is that, else as hex, 16 bytes a line. */
function readable(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  const lines = text.split(/\r?\n|\t/);
  const isText = Buffer.from(text).equals(bytes) && lines.every((line) => tame(line) === line);
  if (isText) return text;
  const dump: string[] = [];
  for (let i = 0; i < bytes.length; i += 16) {
    const part = bytes.subarray(i, i + 16);
    const hex = [...part].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const shown = [...part].map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '.')).join('');
    dump.push(`${i.toString(16).padStart(8, '0')}  ${hex.padEnd(47)}  ${shown}`);
  }
  return dump.join('\n');
}
