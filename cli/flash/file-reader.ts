import { readFile } from 'node:fs/promises';
import { messageOf } from '#core/runtime/errors.js';
import { UsageError } from '../fail.js';

/** Reads files that options name, each once: a batch names the same ones for many devices. */
export class FileReader {
  private readonly known = new Map<string, Promise<string>>();

  /** Throws UsageError that names the option. */
  text(option: string, file: string): Promise<string> {
    const text = this.known.get(file) ?? readFile(file, 'utf8');
    this.known.set(file, text);
    return text.catch((cause: unknown) => {
      throw new UsageError(`--${option}: cannot read ${file}: ${messageOf(cause)}`, { cause });
    });
  }
}
