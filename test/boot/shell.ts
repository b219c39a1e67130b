import { connect } from 'node:net';
import type { ServerProcess } from '../servers/spawn-server.js';
import { DeadlineError, pause } from '../servers/wait-for.js';

/** A shell in a machine. */
export interface Shell {
  /**
   * Runs a command as root, one at a time, and answers what it printed. Waits for the machine to have booted so far.
   * Throws if it ends with another status than 0, or a `DeadlineError`.
   */
  run(command: string, withinMs?: number): Promise<string>;
  close(): void;
}

/** Opens the shell on a socket of the machine, at once: as long as nobody listens, the machine's end reads as closed. */
export function openShell(path: string, machine: Pick<ServerProcess, 'running'>): Shell {
  let heard = '';
  let number = 0;
  const wire = connect(path);
  wire.setEncoding('utf8').on('data', (text: string) => (heard += text));
  // It goes with the machine.
  wire.on('error', () => undefined);
  return {
    run: async (command, withinMs = 300_000) => {
      const end = `end-${++number}-of-command`;
      // The quotes keep an echo of the line from being taken for its end.
      wire.write(`{ ${command}\n} 2>&1 </dev/null; echo "${end}"" $?"\n`);
      const pattern = new RegExp(`([^]*?)${end} (\\d+)\\n`);
      const deadline = performance.now() + withinMs;
      for (;;) {
        const [whole, output = '', status] = pattern.exec(heard) ?? [];
        if (whole !== undefined) {
          heard = heard.slice(heard.indexOf(whole) + whole.length);
          if (status !== '0') throw new Error(`${command}: ended with ${status}\n${output}`);
          return output;
        }
        if (!machine.running()) throw new Error(`${command}: the machine is off`);
        if (performance.now() > deadline) throw new DeadlineError(`${command}: not within ${withinMs} ms\n${heard}`);
        await pause(100);
      }
    },
    close: () => wire.destroy(),
  };
}
