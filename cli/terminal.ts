import pc from 'picocolors';
import { createLogger, type Logger } from '#core/runtime/logger.js';

export type LogFormat = 'text' | 'json';

/** Where a command speaks: logs, and one status line that is rewritten in place. */
export interface Terminal {
  readonly logger: Logger;
  /** Replaces the status line; on something that is no terminal it is printed now and then. */
  status(text: string): void;
  /** Prints a line above the status line. */
  print(text: string): void;
  /** Leaves the status line as it is and goes to a new line. */
  close(): void;
}

export interface TerminalOptions {
  readonly format: LogFormat;
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly stream: NodeJS.WriteStream;
  readonly nowMs: () => number;
}

const clearLine = '\r\x1b[2K';
/** How often the status is printed where it cannot be rewritten. */
const plainStatusEveryMs = 10_000;

export function openTerminal(options: TerminalOptions): Terminal {
  return options.format === 'json' ? jsonTerminal(options) : textTerminal(options);
}

function jsonTerminal({ level, stream }: TerminalOptions): Terminal {
  const logger = createLogger({ level, destination: { write: (line) => void stream.write(line) } });
  return { logger, status: () => undefined, print: (text) => logger.info(text), close: () => undefined };
}

function textTerminal({ level, stream, nowMs }: TerminalOptions): Terminal {
  const live = stream.isTTY;
  let current = '';
  let lastPlainMs = -Infinity;
  const print = (text: string) => void stream.write(live ? `${clearLine}${text}\n${current}` : `${text}\n`);
  return {
    logger: createLogger({ level, destination: { write: (line) => print(readable(line)) } }),
    print,
    status(text) {
      current = live ? text.slice(0, Math.max(20, (stream.columns ?? 120) - 1)) : '';
      if (live) stream.write(clearLine + current);
      else if (nowMs() - lastPlainMs >= plainStatusEveryMs) {
        lastPlainMs = nowMs();
        stream.write(`${text}\n`);
      }
    },
    close() {
      if (live && current !== '') stream.write('\n');
      current = '';
    },
  };
}

const colours: Record<string, (text: string) => string> = { warn: pc.yellow, error: pc.red };

/** One JSON log line as a line for people: time, level, message, and the rest as key=value. */
function readable(line: string): string {
  const { time, level, msg, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const pairs = Object.entries(rest).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const colour = colours[String(level)] ?? ((text: string) => text);
  return `${pc.dim(String(time).slice(11, 19))} ${colour(`${String(level)}: ${String(msg)}`)} ${pc.dim(pairs.join(' '))}`.trimEnd();
}
