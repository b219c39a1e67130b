import { rmSync } from 'node:fs';
import { readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { SerialPort } from 'serialport';
import { ensureServer } from './ensure.js';
import { openServerFolder } from './run-folder.js';
import { spawnServer, type ServerProcess } from './spawn-server.js';

/** A serial line made of two joined pseudo terminals: a program opens one end, a test speaks at the other. */
export interface SerialLine {
  /** The device file of the program's end; the same after `plug`. */
  readonly path: string;
  /** All that the program has sent since the line was plugged in. */
  readonly heard: () => string;
  /** Called with what the program sends, as a device that answers would be. Undefined: nobody answers. */
  answer: ((request: string, bytes: Buffer) => string | Buffer | undefined) | undefined;
  /** Sends to the program; resolves when the bytes are on the line. */
  send(data: string | Buffer): Promise<void>;
  /** SIGKILL: both ends are gone, as when the cable is pulled. */
  unplug(): Promise<void>;
  /** The same device file again. */
  plug(): Promise<void>;
  /** The line stands still: what is sent waits, and nobody is told. */
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
}

/** Starts socat and resolves when both ends are there. Throws `MissingServerError`, or an error with the end of its log. */
export async function startSerialLine(): Promise<SerialLine> {
  const installed = await ensureServer('socat');
  const folder = openServerFolder('socat');
  const [path, farPath] = [join(folder.path, 'ttyUSB0'), join(folder.path, 'device')];
  const ends = [path, farPath].map((link) => `pty,raw,echo=0,link=${link}`);
  let server: ServerProcess | undefined;
  let far: FarEnd | undefined;
  const line: SerialLine = {
    path,
    heard: () => far?.heard ?? '',
    answer: undefined,
    send: (data) => far?.send(data) ?? Promise.reject(new Error('the line is not plugged in')),
    plug: async () => {
      server = await spawnServer({
        name: 'socat',
        command: installed.path,
        args: ends,
        env: installed.env,
        folder: folder.path,
        readyWithinMs: 20_000,
        ready: async () => (await readlink(path)) !== '' && (await readlink(farPath)) !== '',
      });
      far = await FarEnd.open(farPath, (request, bytes) => line.answer?.(request, bytes));
    },
    unplug: async () => {
      await far?.close();
      await server?.kill9();
      // socat removes its links only when it ends by itself.
      for (const link of [path, farPath]) rmSync(link, { force: true });
    },
    freeze: () => server?.freeze(),
    thaw: () => server?.thaw(),
    stop: async () => {
      await line.unplug();
      folder.remove();
    },
  };
  await line.plug();
  return line;
}

/** The device's side of the line. */
class FarEnd {
  heard = '';

  private constructor(
    private readonly port: SerialPort,
    answer: (request: string, bytes: Buffer) => string | Buffer | undefined,
  ) {
    port.on('data', (chunk: Buffer) => {
      this.heard += chunk.toString();
      const reply = answer(chunk.toString(), chunk);
      if (reply !== undefined) port.write(reply);
    });
    // The line may go at any time; the test did it.
    port.on('error', () => undefined);
  }

  static async open(
    path: string,
    answer: (request: string, bytes: Buffer) => string | Buffer | undefined,
  ): Promise<FarEnd> {
    const port = new SerialPort({ path, baudRate: 115_200, autoOpen: false });
    await settled((done) => port.open(done));
    return new FarEnd(port, answer);
  }

  async send(data: string | Buffer): Promise<void> {
    await settled((done) => this.port.write(data, done));
  }

  async close(): Promise<void> {
    if (this.port.isOpen) await settled((done) => this.port.close(done));
  }
}

function settled(act: (done: (error?: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => act((error) => (error ? reject(error) : resolve())));
}
