import type { Writable } from 'node:stream';
import { messageOf, systemCode } from '#core/runtime/errors.js';
import { exitCodes } from './exit-codes.js';

/**
 * Whoever read what a command says may leave (`fieldline … --help | head`), or the disk that it is kept on may be full. That
 * ends no card that is being written and no line that carries readings. An answer that could not be kept ends with 1.
 */
export function outliveReaders({ stdout, stderr }: { readonly stdout: Writable; readonly stderr: Writable }): void {
  stderr.on('error', () => undefined);
  stdout.on('error', (error) => {
    if (systemCode(error) === 'EPIPE') return;
    stderr.write(`fieldline: the answer could not be written: ${messageOf(error)}\n`);
    process.once('exit', () => (process.exitCode = exitCodes.failed));
  });
}
