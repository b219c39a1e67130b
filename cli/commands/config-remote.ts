import { generateKeyPairSync } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { Argument, type Command } from 'commander';
import { apiOf, tokenOf, withHttp, withToken, type OperatorOptions } from '../operator.js';
import { durationMs, wholeNumber } from '../options.js';
import { deviceNamed } from './device-name.js';

/** What `config sign` and `config push` are told. */
interface SignOptions {
  key: string;
  device: string;
  version: number;
  output?: string;
}
interface PushOptions extends OperatorOptions {
  wait?: number;
  force?: boolean;
  json?: boolean;
}

/** The tools of configuration from afar; see docs/decisions/009-remote-config.md. */
export function addRemoteConfig(group: Command): void {
  addKeygen(group);
  addSign(group);
  addPush(group);
  addStatus(group);
  addClear(group);
  addToken(group);
}

function addKeygen(group: Command): void {
  group
    .command('keygen')
    .description('make the pair of keys with which you configure devices from afar')
    .addArgument(new Argument('<name>', 'writes <name>.key, which only you may read, and <name>.pub'))
    .addHelpText('after', '\nExample:\n  fieldline config keygen owner')
    .action(async (name: string) => {
      const { privateKey, publicKey } = generateKeyPairSync('ed25519');
      // Neither is written over: the devices trust the old one.
      await writeFile(`${name}.key`, privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600, flag: 'wx' });
      await writeFile(`${name}.pub`, publicKey.export({ format: 'pem', type: 'spki' }), { flag: 'wx' });
      const line = publicKey.export({ format: 'der', type: 'spki' }).toString('base64');
      process.stdout.write(
        `Keep ${name}.key to yourself. On each device:\n\nedge:\n  config:\n    publicKey: ${line}\n`,
      );
    });
}

function addSign(group: Command): void {
  group
    .command('sign')
    .description('check a config for one device, and sign it')
    .addArgument(new Argument('<file>', 'YAML with any of: sensors, channels, pack, uplink, clock'))
    .requiredOption('--key <file>', 'the private key of `fieldline config keygen`')
    .requiredOption('--device <site/device>', 'the device that it is for')
    .requiredOption('--version <n>', 'higher than that of any config before', wholeNumber(1, Number.MAX_SAFE_INTEGER))
    .option('--output <file>', 'where the signed config goes (default: standard output)')
    .addHelpText(
      'after',
      '\nExample:\n  fieldline config sign --key owner.key --device plant1/press-07 --version 7 press.yaml --output press.signed',
    )
    .action(async (file: string, options: SignOptions) => {
      const { signFile } = await import('../remote-config.js');
      const device = deviceNamed(options.device);
      const message = await signFile(file, { keyFile: options.key, device, version: options.version });
      if (options.output === undefined) process.stdout.write(`${Buffer.from(message).toString()}\n`);
      else await writeFile(options.output, message);
    });
}

function addPush(group: Command): void {
  withHttp(withToken(group.command('push')))
    .description('make a signed config the desired one of its device')
    .addArgument(new Argument('<file>', 'what `fieldline config sign` wrote'))
    .option('--wait <duration>', 'wait so long for what the device reports; exit code 1 if it refused it', durationMs)
    .option('--force', 'even if a higher version is desired already')
    .option('--json', 'print the answer as one JSON value')
    .addHelpText('after', '\nExample:\n  fieldline config push press.signed --wait 30s')
    .action(async (file: string, options: PushOptions) => {
      const { pushConfig } = await import('../remote-config.js');
      const { wait: waitMs, force = false } = options;
      const { text, done, result } = await pushConfig(await readFile(file), {
        ...(await apiOf(options)),
        waitMs,
        force,
      });
      process.stdout.write(`${options.json ? JSON.stringify(result) : text}\n`);
      if (!done) process.exitCode = 1;
    });
}

function addStatus(group: Command): void {
  withHttp(withToken(group.command('status')))
    .description('print which config is desired of a device, and what the device reported')
    .addArgument(new Argument('<site/device>', 'as in plant1/press-07'))
    .option('--json', 'print the answer as one JSON value')
    .addHelpText('after', '\nExample:\n  fieldline config status plant1/press-07')
    .action(async (name: string, options: PushOptions) => {
      const { configStatus } = await import('../remote-config.js');
      const { text, result } = await configStatus(deviceNamed(name), await apiOf(options));
      process.stdout.write(`${options.json ? JSON.stringify(result) : text}\n`);
    });
}

function addClear(group: Command): void {
  withHttp(withToken(group.command('clear')))
    .description('desire no config of a device any more; the device stays as it is')
    .addArgument(new Argument('<site/device>', 'as in plant1/press-07'))
    .addHelpText('after', '\nExample:\n  fieldline config clear plant1/press-07')
    .action(async (name: string, options: OperatorOptions) => {
      const { clearConfig } = await import('../remote-config.js');
      await clearConfig(deviceNamed(name), await apiOf(options));
      process.stdout.write(`No config is desired of ${name} any more.\n`);
    });
}

function addToken(group: Command): void {
  withToken(group.command('token'))
    .description('print the token with which `fieldline config push` may speak from another machine')
    .addHelpText('after', '\nExample:\n  fieldline config token > operator.token')
    .action(async (options: PushOptions) => {
      process.stdout.write(`${await tokenOf(options)}\n`);
    });
}
