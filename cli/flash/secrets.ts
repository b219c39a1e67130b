import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import type { Readable } from 'node:stream';
import { messageOf } from '#core/runtime/errors.js';
import { UsageError } from '../fail.js';

/** Where secrets come from; none is ever printed. */
export interface SecretSources {
  readonly stdin: Readable;
  /** By the name of the option, as `wifi-password-file`. */
  readonly environment: (option: string) => string | undefined;
}

/** Reads secrets, each file once. Standard input can be only one of them. */
export class SecretReader {
  private readonly files = new Map<string, Promise<string>>();
  private stdinOption: string | undefined;

  constructor(private readonly sources: SecretSources) {}

  /** Whether the environment holds it. */
  has(option: string): boolean {
    return this.sources.environment(option) !== undefined;
  }

  /**
   * The secret of an option without the end of its line; undefined if there is neither a file nor a variable.
   * Throws UsageError if it is empty or cannot be read.
   */
  async read(option: string, file: string | undefined): Promise<string | undefined> {
    if (file === undefined) return this.sources.environment(option);
    if (file === '-') this.claimStdin(option);
    const known = this.files.get(file) ?? this.load(option, file);
    this.files.set(file, known);
    const secret = (await known).replace(/\r?\n$/, '');
    if (secret === '') throw new UsageError(`--${option}: ${file === '-' ? 'standard input' : file} is empty`);
    return secret;
  }

  private claimStdin(option: string): void {
    if (this.stdinOption !== undefined && this.stdinOption !== option) {
      throw new UsageError(
        `--${option}: standard input is that of --${this.stdinOption} already; put one of the two into a file`,
      );
    }
    this.stdinOption = option;
  }

  private async load(option: string, file: string): Promise<string> {
    if (file === '-') return text(this.sources.stdin);
    return readFile(file, 'utf8').catch((cause: unknown) => {
      throw new UsageError(`--${option}: cannot read ${file}: ${messageOf(cause)}`, { cause });
    });
  }
}
