import { Argument, type Command } from 'commander';
import { exitCodes } from '../exit-codes.js';
import { apiOf, withHttp, withToken, type OperatorOptions } from '../operator.js';
import { durationMs } from '../options.js';
import { deviceNamed } from './device-name.js';

interface WaitOptions extends OperatorOptions {
  api?: string;
  timeout: number;
  fresh?: boolean;
  json?: boolean;
}

/** `device wait`: a device is done when its data is there. */
export function addDeviceWait(group: Command): void {
  withHttp(withToken(group.command('wait')))
    .description('wait for the first data of a device, and tell what was seen of it last; exit code 1 if none came')
    .addArgument(new Argument('<site/device>', 'as in plant1/press-07'))
    .option('--timeout <duration>', 'wait no longer', durationMs, 600_000)
    .option('--fresh', 'only what comes from now on counts, as of a device that is set up anew')
    .option('--api <url>', 'address of fieldline cloud serve, which knows what is stored (default: --http)')
    .option('--json', 'print what was seen last as one JSON value')
    .addHelpText('after', '\nExample:\n  fieldline device wait plant1/pi-07 --timeout 5m')
    .action(async (name: string, options: WaitOptions) => {
      const { waitForDevice } = await import('../device-wait.js');
      const { timeout: timeoutMs, fresh = false, http, json } = options;
      const say = (line: string): void => void process.stderr.write(`${line}\n`);
      const wanted = { api: options.api ?? http, timeoutMs, fresh, say };
      const seen = await waitForDevice(await apiOf(options), deviceNamed(name), wanted);
      if (json) process.stdout.write(`${JSON.stringify(seen)}\n`);
      if (seen.stage !== 'stored') process.exitCode = exitCodes.failed;
    });
}
