import { join } from 'node:path';
import { Argument, Option, type Command } from 'commander';
import { deviceToken } from '#core/runtime/device-token.js';
import { loadSecret } from '../../gateway/broker/secret-file.js';
import { principalKey, principalOf } from '../../gateway/broker/principal.js';
import { UsageError } from '../fail.js';
import { apiOf, askOperator, withHttp, withToken, type OperatorOptions } from '../operator.js';
import { deviceNamed } from './device-name.js';

interface TokenOptions extends OperatorOptions {
  issue?: boolean;
  label?: string;
}
interface Listed {
  readonly credentials: readonly {
    readonly id: string;
    readonly type: string;
    readonly usable: boolean;
    readonly createdUs?: number;
    readonly revokedUs?: number;
    readonly label?: string;
  }[];
  readonly derivedToken: boolean;
}

const owner = () => new Argument('<name>', '<site>/<device>, or the user name of a client');

/** What devices and clients show to speak: tokens, and what revokes them. */
export function addDeviceCredentials(group: Command): void {
  addToken(group);
  addRevoke(group);
  addCredentials(group);
}

function addToken(group: Command): void {
  withHttp(withToken(group.command('token')))
    .description('print the password of a device, or make it one of its own; its user name is <site>/<device>')
    .addArgument(owner())
    .addOption(new Option('--derived', 'the one that follows from the device secret (default)').conflicts('issue'))
    .option('--issue', 'a new random one, told this once, by the gateway; clients have no other')
    .option('--label <text>', 'with --issue: what it is for')
    .addHelpText(
      'after',
      '\nExample:\n  fieldline device token plant1/press-07\n  fieldline device token telegraf-1 --issue',
    )
    .action(async (name: string, options: TokenOptions) => {
      process.stdout.write(`${options.issue ? await issued(name, options) : await derived(name, options)}\n`);
    });
}

async function derived(name: string, { secretFile, data }: TokenOptions): Promise<string> {
  const device = deviceNamed(name);
  const secret = await loadSecret(secretFile ?? join(data, 'secrets', 'device-secret'), { create: false });
  return deviceToken(secret, device);
}

async function issued(name: string, options: TokenOptions): Promise<string> {
  const { label } = options;
  const body = Buffer.from(JSON.stringify(label === undefined ? {} : { label }));
  const { token } = await askOperator<{ token: string }>(await apiOf(options), 'POST', pathOf(name), body);
  return token;
}

function addRevoke(group: Command): void {
  withHttp(withToken(group.command('revoke')))
    .description('refuse what a device or client could show until now, and close its session')
    .addArgument(owner())
    .option('--credential <id>', 'this token or certificate alone, as `fieldline device credentials` names it')
    .addHelpText('after', '\nExample:\n  fieldline device revoke plant1/press-07')
    .action(async (name: string, options: OperatorOptions & { credential?: string }) => {
      const { credential } = options;
      const path = credential === undefined ? pathOf(name) : `${pathOf(name)}/${encodeURIComponent(credential)}`;
      await askOperator(await apiOf(options), 'DELETE', path);
      process.stdout.write(`${name}: ${credential ?? 'whatever was made until now'} is revoked.\n`);
    });
}

function addCredentials(group: Command): void {
  withHttp(withToken(group.command('credentials')))
    .description('list what a device or client may show to speak')
    .addArgument(owner())
    .option('--json', 'print the list as one JSON value')
    .addHelpText('after', '\nExample:\n  fieldline device credentials plant1/press-07')
    .action(async (name: string, options: OperatorOptions & { json?: boolean }) => {
      const listed = await askOperator<Listed>(await apiOf(options), 'GET', pathOf(name));
      process.stdout.write(`${options.json ? JSON.stringify(listed) : inWords(listed)}\n`);
    });
}

function inWords({ credentials, derivedToken }: Listed): string {
  const lines = credentials.map(({ id, type, usable, createdUs, revokedUs, label }) => {
    const us = revokedUs ?? createdUs;
    const since = us === undefined ? '' : new Date(us / 1000).toISOString();
    return [id, type, usable ? 'usable' : 'refused', since, label ?? ''].join('  ').trimEnd();
  });
  if (derivedToken) lines.push('derived token  usable');
  return lines.length === 0 ? 'nothing' : lines.join('\n');
}

/** Throws UsageError for a name that nobody can have. */
function pathOf(name: string): string {
  const principal = principalOf(name);
  if (!principal) throw new UsageError(`${name} is neither <site>/<device> nor the name of a client`);
  const kind = principal.kind === 'device' ? 'devices' : 'clients';
  return `/api/v1/${kind}/${principalKey(principal)}/credentials`;
}
