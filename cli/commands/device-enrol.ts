import { writeFile } from 'node:fs/promises';
import { Argument, type Command } from 'commander';
import { deviceKey } from '#core/contract/names.js';
import { FatalError, messageOf } from '#core/runtime/errors.js';
import { apiOf, askOperator, withHttp, withToken, type OperatorApi, type OperatorOptions } from '../operator.js';
import { durationMs } from '../options.js';
import { deviceNamed } from './device-name.js';

interface EnrolOptions extends OperatorOptions {
  expires?: number;
  label?: string;
  out?: string;
  json?: boolean;
}
interface Made {
  readonly id: string;
  readonly token: string;
  readonly expiresUs: number;
}
interface Listed {
  readonly id: string;
  readonly state: string;
  readonly createdUs: number;
  readonly expiresUs: number;
  readonly usedUs?: number;
  readonly label?: string;
}

const name = () => new Argument('<site/device>', 'as in plant1/press-07');

/** `device enrol`, `enrolments` and `unenrol`; see docs/gateway/enrolment.md. */
export function addDeviceEnrol(group: Command): void {
  addEnrol(group);
  addList(group);
  addRevoke(group);
}

function addEnrol(group: Command): void {
  withHttp(withToken(group.command('enrol')))
    .description('make an enrolment token: with it the device gets a certificate for a key of its own, once')
    .addArgument(name())
    .option('--expires <time>', 'how long it may be used (default: gateway.enrolment.tokenMs, 7d)', durationMs)
    .option('--label <text>', 'what it is for; the certificate has it, too')
    .option('--out <file>', 'write it to a file, for you alone, in place of printing it')
    .option('--json', 'print the answer as one JSON value')
    .addHelpText('after', '\nExample:\n  fieldline device enrol plant1/pi-07 --out pi-07.token')
    .action(async (text: string, options: EnrolOptions) => {
      const device = deviceNamed(text);
      const made = await makeToken(await apiOf(options), deviceKey(device), options);
      if (options.out !== undefined) await keep(options.out, made.token);
      process.stdout.write(`${told(made, options)}\n`);
    });
}

async function makeToken(api: OperatorApi, owner: string, { expires, label }: EnrolOptions): Promise<Made> {
  const asked = { ...(expires !== undefined && { expiresMs: expires }), ...(label !== undefined && { label }) };
  return askOperator<Made>(api, 'POST', pathOf(owner), Buffer.from(JSON.stringify(asked)));
}

function told({ token, ...made }: Made, { out, json }: EnrolOptions): string {
  if (json) return JSON.stringify(out === undefined ? { ...made, token } : { ...made, file: out });
  if (out === undefined) return token;
  return `${out} holds the token ${made.id}, good until ${isoOf(made.expiresUs)}.`;
}

/** Never over a file that is there, and for nobody else to read. */
async function keep(path: string, token: string): Promise<void> {
  await writeFile(path, `${token}\n`, { mode: 0o600, flag: 'wx' }).catch((cause: unknown) => {
    const next = 'the token was made all the same, and the next one takes its place';
    throw new FatalError('bad-config', `cannot write ${path}: ${messageOf(cause)}; ${next}`, { cause });
  });
}

function addList(group: Command): void {
  withHttp(withToken(group.command('enrolments')))
    .description('list the enrolment tokens of a device, and what became of them')
    .addArgument(name())
    .option('--json', 'print the list as one JSON value')
    .addHelpText('after', '\nExample:\n  fieldline device enrolments plant1/pi-07')
    .action(async (text: string, options: EnrolOptions) => {
      const path = pathOf(deviceKey(deviceNamed(text)));
      const { tokens } = await askOperator<{ tokens: Listed[] }>(await apiOf(options), 'GET', path);
      process.stdout.write(`${options.json ? JSON.stringify(tokens) : tokens.map(lineOf).join('\n') || 'nothing'}\n`);
    });
}

function addRevoke(group: Command): void {
  withHttp(withToken(group.command('unenrol')))
    .description('revoke the enrolment tokens of a device that were not used up, and the certificates that they gave')
    .addArgument(name())
    .option('--token-id <id>', 'this one alone, as `fieldline device enrolments` names it')
    .addHelpText('after', '\nExample:\n  fieldline device unenrol plant1/pi-07')
    .action(async (text: string, options: OperatorOptions & { tokenId?: string }) => {
      const owner = deviceKey(deviceNamed(text));
      const { tokenId: id } = options;
      const path = id === undefined ? pathOf(owner) : `${pathOf(owner)}/${encodeURIComponent(id)}`;
      const { revoked } = await askOperator<{ revoked: string[] }>(await apiOf(options), 'DELETE', path);
      const what = revoked.length === 0 ? 'there was nothing to revoke' : `${revoked.join(', ')} revoked`;
      process.stdout.write(`${owner}: ${what}.\n`);
    });
}

function lineOf({ id, state, createdUs, expiresUs, usedUs, label }: Listed): string {
  const until = usedUs === undefined ? `until ${isoOf(expiresUs)}` : `used ${isoOf(usedUs)}`;
  return [id, state, `made ${isoOf(createdUs)}`, until, label ?? ''].join('  ').trimEnd();
}

function pathOf(owner: string): string {
  return `/api/v1/devices/${owner}/enrolment`;
}

function isoOf(us: number): string {
  return new Date(us / 1000).toISOString();
}
