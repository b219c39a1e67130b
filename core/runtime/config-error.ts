/** One fault of a configuration file. */
export interface ConfigFault {
  readonly file: string;
  /** From 1; undefined where the file has no such place, as for a missing key. */
  readonly line: number | undefined;
  /** `gateway.mqtt.port` */
  readonly path: string;
  readonly message: string;
}

/** Every fault of the file at once. Exit code 2. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  constructor(readonly faults: readonly ConfigFault[]) {
    super(faults.map(faultText).join('\n'));
  }
}

function faultText({ file, line, path, message }: ConfigFault): string {
  return `${file}${line === undefined ? '' : `:${line}`}: ${path === '' ? '' : `${path}: `}${message}`;
}
