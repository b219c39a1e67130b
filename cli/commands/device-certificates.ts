import { Argument, type Command } from 'commander';
import { wholeNumber } from '../options.js';

interface AuthorityOptions {
  ca: string;
  days: number;
}
interface CertOptions extends AuthorityOptions {
  output?: string;
  for?: string;
}

const days = wholeNumber(1, 7300);
const defaultFolder = 'fieldline-ca';
const owner = () => new Argument('<name>', '<site>/<device>, or the user name of a client');

/** A small authority of one's own, and the certificates that it signs. */
export function addDeviceCertificates(group: Command): void {
  addAuthority(group.command('ca').description('an authority of your own, that signs certificates'));
  addRequest(group);
  addSign(group);
  addCert(group);
}

function addAuthority(group: Command): void {
  withFolder(group.command('init'))
    .description('make the authority: its key, for you alone, and its certificate')
    .option('--name <name>', 'what the certificate calls it', 'Fieldline device authority')
    .option('--days <n>', 'how long it lasts', days, 3650)
    .addHelpText('after', '\nExample:\n  fieldline device ca init')
    .action(async ({ name, ...options }: AuthorityOptions & { name: string }) => {
      const { initAuthority } = await import('../device-certificates.js');
      print(await initAuthority(options.ca, name, options.days));
    });
  withFolder(group.command('show'))
    .description('print the certificate of the authority, for gateway.mqtt.tls.ca and edge.gateway.caFile')
    .addHelpText('after', '\nExample:\n  fieldline device ca show > authority.pem')
    .action(async ({ ca }: AuthorityOptions) => {
      const { showAuthority } = await import('../device-certificates.js');
      process.stdout.write(await showAuthority(ca));
    });
  withFolder(group.command('server'))
    .description('make key and certificate of a gateway, for gateway.mqtt.tls')
    .addArgument(new Argument('<host...>', 'names and addresses that devices know it by'))
    .option('--days <n>', 'how long it lasts', days, 397)
    .option('--output <prefix>', 'writes <prefix>.key.pem and <prefix>.cert.pem', 'gateway')
    .addHelpText('after', '\nExample:\n  fieldline device ca server gw.plant1.example 10.0.0.5')
    .action(async (hosts: string[], options: AuthorityOptions & { output: string }) => {
      const { makeServerCertificate } = await import('../device-certificates.js');
      print(await makeServerCertificate(hosts, options));
    });
}

function addRequest(group: Command): void {
  group
    .command('csr')
    .description('on the device: make its key, which stays there, and a request for a certificate')
    .addArgument(owner())
    .option('--output <prefix>', 'writes <prefix>.key.pem and <prefix>.csr.pem (default: the name)')
    .addHelpText('after', '\nExample:\n  fieldline device csr plant1/pi-07')
    .action(async (name: string, { output }: { output?: string }) => {
      const { makeRequest } = await import('../device-certificates.js');
      print(await makeRequest(name, output));
    });
}

function addSign(group: Command): void {
  withFolder(group.command('sign'))
    .description('with the authority: sign a request')
    .addArgument(new Argument('<csr>', 'what `fieldline device csr` wrote, or any PKCS #10 in PEM'))
    .requiredOption('--for <name>', 'whom it must be for: the request itself proves nothing')
    .option('--days <n>', 'how long the certificate lasts', days, 730)
    .option('--output <file>', 'where it goes (default: <name>.cert.pem)')
    .addHelpText('after', '\nExample:\n  fieldline device sign plant1-pi-07.csr.pem --for plant1/pi-07')
    .action(async (file: string, options: CertOptions) => {
      const { signRequest } = await import('../device-certificates.js');
      print(await signRequest(file, { ...options, name: options.for! }));
    });
}

function addCert(group: Command): void {
  withFolder(group.command('cert'))
    .description('with the authority: make key and certificate of a device or client at once')
    .addArgument(owner())
    .option('--days <n>', 'how long the certificate lasts', days, 730)
    .option('--output <prefix>', 'writes <prefix>.key.pem and <prefix>.cert.pem (default: the name)')
    .addHelpText('after', '\nExample:\n  fieldline device cert plant1/pi-07')
    .action(async (name: string, options: CertOptions) => {
      const { makeCertificate } = await import('../device-certificates.js');
      print(await makeCertificate(name, options));
    });
}

function withFolder(command: Command): Command {
  return command.option('--ca <dir>', 'folder of the authority', defaultFolder);
}

function print(lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}
