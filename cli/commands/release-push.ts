import { Argument, type Command } from 'commander';
import { apiOf, withHttp, withToken, type OperatorOptions } from '../operator.js';

interface PushOptions extends OperatorOptions {
  version?: string;
  json?: boolean;
}

/** `release push`: operators need no shell on the gateway. */
export function addReleasePush(group: Command): void {
  withHttp(withToken(group.command('push')))
    .description('bring releases to a gateway, which sends them to its devices')
    .addArgument(new Argument('[folder]', 'folder of releases').default('releases'))
    .option('--version <version>', 'those of this version only (default: all in the folder)')
    .option('--json', 'print what was brought as one JSON value')
    .addHelpText('after', '\nExample:\n  fieldline release push releases --http http://gateway.plant1:8080')
    .action(async (folder: string, { version, json, ...options }: PushOptions) => {
      const { pushReleases } = await import('../release-push.js');
      const say = (line: string): void => void process.stderr.write(`${line}\n`);
      const { text, result } = await pushReleases(await apiOf(options), { folder, version, say });
      process.stdout.write(`${json ? JSON.stringify(result) : text}\n`);
    });
}
