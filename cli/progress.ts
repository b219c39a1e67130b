import type { Writable } from 'node:stream';
import { SingleBar, Presets } from 'cli-progress';

/** A progress bar on a terminal; on anything else a line every few seconds. */
export interface Progress {
  update(done: number, note: string): void;
  stop(): void;
}

export function openProgress(
  total: number,
  unit: string,
  stream: NodeJS.WriteStream | Writable,
  nowMs: () => number,
): Progress {
  const isTerminal = 'isTTY' in stream && stream.isTTY;
  return isTerminal ? barProgress(total, unit, stream) : lineProgress(total, unit, stream, nowMs);
}

function barProgress(total: number, unit: string, stream: NodeJS.WriteStream): Progress {
  const format = ` {bar} {percentage}% {value}/{total} ${unit} · {note}`;
  const bar = new SingleBar({ format, stream, hideCursor: true, fps: 5 }, Presets.shades_classic);
  bar.start(total, 0, { note: '' });
  return { update: (done, note) => bar.update(Math.min(done, total), { note }), stop: () => bar.stop() };
}

function lineProgress(total: number, unit: string, stream: Writable, nowMs: () => number): Progress {
  let lastMs = nowMs();
  return {
    update(done, note) {
      if (nowMs() - lastMs < 5000) return;
      lastMs = nowMs();
      stream.write(`${Math.floor((100 * done) / total)} % · ${done}/${total} ${unit} · ${note}\n`);
    },
    stop: () => undefined,
  };
}
