import { pino, type DestinationStream, type Logger as PinoLogger } from 'pino';

/** Structured logs: `log.info({ device }, 'connected')`. Never hand it a secret. */
export type Logger = Pick<PinoLogger, 'debug' | 'info' | 'warn' | 'error'> & { child(bindings: object): Logger };

export interface LoggerOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly destination?: DestinationStream;
}

/** JSON lines with ISO times, on standard error unless told otherwise. */
export function createLogger(options: LoggerOptions): Logger {
  const settings = {
    level: options.level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: ['password', 'token', 'secret', '*.password', '*.token', '*.secret'], censor: '[redacted]' },
  };
  return pino(settings, options.destination ?? pino.destination({ dest: 2, sync: true }));
}

/** For tests and for parts that are told to be silent. */
export const silentLogger: Logger = pino({ level: 'silent' });
