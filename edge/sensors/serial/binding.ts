import { read as readCallback } from 'node:fs';
import { promisify } from 'node:util';
import { FatalError, messageOf, systemCode } from '#core/runtime/errors.js';

const readFile = promisify(readCallback);

/** An open port of serialport's bindings, as far as it is used here. */
export interface BoundPort {
  /** Where the system has file numbers and can be asked whether there is something to read. */
  readonly fd?: number | null;
  readonly poller?: Poller;
  /** At least one byte. Rejects with `canceled` when the port is closed meanwhile, with anything else when it is lost. */
  read(buffer: Buffer, offset: number, length: number): Promise<{ buffer: Buffer; bytesRead: number }>;
  write(data: Buffer): Promise<void>;
  flush(): Promise<void>;
  close(): Promise<void>;
}

export interface BindingOptions {
  readonly path: string;
  readonly baudRate: number;
  readonly dataBits?: 5 | 6 | 7 | 8;
  readonly parity?: 'none' | 'even' | 'odd';
  readonly stopBits?: 1 | 2;
  readonly rtscts?: boolean;
  readonly lock?: boolean;
}

interface Poller {
  once(event: 'readable', listener: (error: Error | null) => void): unknown;
  stop(): void;
}

/**
 * The bindings of serialport, whose ports notice their end. On Linux and macOS their own read takes the end of a hung-up
 * line for "nothing yet" and reads again for ever: a cable pulled amid data is then never noticed, and costs a whole
 * processor. It can be handed to `SerialPort` as its `binding`. Throws FatalError where there are no serial ports at all.
 */
export async function serialBinding() {
  // A native module, which only a device with a serial sensor needs.
  const { SerialPort } = await import('serialport').catch((cause: unknown) => {
    throw new FatalError('unavailable', `no serial ports on this system: ${messageOf(cause)}`, { cause });
  });
  const { binding } = SerialPort;
  return {
    list: () => binding.list(),
    open: async (options: BindingOptions) => noticingItsEnd(await binding.open(options)),
  };
}

function noticingItsEnd<Port extends BoundPort>(port: Port): Port {
  const { poller } = port;
  if (!poller) return port;
  const close = port.close.bind(port);
  let isClosing = false;
  let reading: Promise<unknown> = Promise.resolve();
  port.read = (buffer, offset, length) => {
    const read = readSome(port, poller, () => isClosing, buffer.subarray(offset, offset + length));
    reading = read.catch(() => undefined);
    return read.then((bytesRead) => ({ buffer, bytesRead }));
  };
  port.close = async () => {
    isClosing = true;
    // The number of a file that is closed during a read may be another file's by then.
    poller.stop();
    await reading;
    await close();
  };
  return port;
}

async function readSome(port: BoundPort, poller: Poller, isClosing: () => boolean, into: Buffer): Promise<number> {
  for (;;) {
    const bytes = await tryRead(port, into);
    if (bytes === 0) throw new Error('the line was hung up');
    if (bytes !== undefined) return bytes;
    if (isClosing()) throw canceled();
    await new Promise<void>((resolve, reject) => {
      poller.once('readable', (error) => (error ? reject(error) : resolve()));
    });
  }
}

/** Undefined: nothing there yet; 0: nothing will ever come. */
async function tryRead(port: BoundPort, into: Buffer): Promise<number | undefined> {
  if (typeof port.fd !== 'number') throw canceled();
  try {
    return (await readFile(port.fd, into, 0, into.length, null)).bytesRead;
  } catch (error) {
    if (['EAGAIN', 'EWOULDBLOCK', 'EINTR'].includes(systemCode(error) ?? '')) return undefined;
    throw error;
  }
}

function canceled(): Error {
  return Object.assign(new Error('the port is closed'), { canceled: true });
}
