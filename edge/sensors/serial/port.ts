import { read as readCallback } from 'node:fs';
import { promisify } from 'node:util';
import { FatalError, messageOf, RetryableError, systemCode } from '#core/runtime/errors.js';

const readFile = promisify(readCallback);

export interface PortOptions {
  readonly path: string;
  readonly baudRate: number;
  readonly dataBits: 5 | 6 | 7 | 8;
  readonly parity: 'none' | 'even' | 'odd';
  readonly stopBits: 1 | 2;
  readonly rtscts: boolean;
}

export interface PortListener {
  /** The chunk is only valid during the call. */
  readonly onData: (chunk: Buffer) => void;
  /** The line is gone; called at most once, and not after `close`. */
  readonly onLost: (error: Error) => void;
}

/** What serialport's bindings give, as far as it is used here. */
interface Binding {
  readonly isOpen: boolean;
  readonly fd?: number | null;
  readonly poller?: Poller;
  read(buffer: Buffer, offset: number, length: number): Promise<{ bytesRead: number }>;
  write(data: Buffer): Promise<void>;
  flush(): Promise<void>;
  close(): Promise<void>;
}

interface Poller {
  once(event: 'readable', listener: (error: Error | null) => void): unknown;
  stop(): void;
}

/** An open serial port that hands over what arrives. */
export class Port {
  private closed = false;
  private readonly reading: Promise<void>;

  private constructor(
    private readonly binding: Binding,
    private readonly listener: PortListener,
  ) {
    this.reading = this.pump();
  }

  /** Throws RetryableError while the device is not there or in use, FatalError where there are no serial ports at all. */
  static async open(options: PortOptions, listener: PortListener): Promise<Port> {
    // A native module, which only a device with a serial sensor needs.
    const { SerialPort } = await import('serialport').catch((cause: unknown) => {
      throw new FatalError('unavailable', `no serial ports on this system: ${messageOf(cause)}`, { cause });
    });
    try {
      return new Port(await SerialPort.binding.open({ ...options, lock: true }), listener);
    } catch (cause) {
      throw new RetryableError('unavailable', `cannot open ${options.path}: ${messageOf(cause)}`, { cause });
    }
  }

  /** Resolves when the system has the bytes. */
  write(data: Buffer): Promise<void> {
    return this.binding.write(data);
  }

  /** Forgets what has arrived and was not handed over, and what was not sent yet. */
  flush(): Promise<void> {
    return this.binding.flush();
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    // Closing waits for bytes that were never sent, half a minute where the other side refuses them.
    await this.flush().catch(() => undefined);
    // The number of a file that is closed during a read may be another file's by then.
    this.binding.poller?.stop();
    if (this.binding.poller) await this.reading;
    await this.binding.close();
  }

  private async pump(): Promise<void> {
    const buffer = Buffer.allocUnsafe(4096);
    try {
      while (!this.closed) {
        const bytes = await this.readSome(buffer);
        if (!this.closed) this.listener.onData(buffer.subarray(0, bytes));
      }
    } catch (error) {
      if (this.closed) return;
      this.closed = true;
      // As long as it is open, a device that is plugged in again gets another name.
      await this.binding.close().catch(() => undefined);
      this.listener.onLost(error as Error);
    }
  }

  /**
   * At least one byte. Done here where the binding lets us: its own read takes the end of a hung-up line for "nothing
   * yet" and reads again for ever, so that a cable pulled amid data is never noticed and costs a whole processor.
   */
  private async readSome(buffer: Buffer): Promise<number> {
    const { poller } = this.binding;
    if (!poller) return (await this.binding.read(buffer, 0, buffer.length)).bytesRead;
    for (;;) {
      const bytes = await this.tryRead(buffer);
      if (bytes === 0) throw new Error('the line was hung up');
      if (bytes !== undefined) return bytes;
      if (this.closed) throw new Error('the port is closed');
      await new Promise<void>((resolve, reject) => {
        poller.once('readable', (error) => (error ? reject(error) : resolve()));
      });
    }
  }

  /** Undefined: nothing there yet; 0: nothing will ever come. */
  private async tryRead(buffer: Buffer): Promise<number | undefined> {
    if (typeof this.binding.fd !== 'number') throw new Error('the port is closed');
    try {
      return (await readFile(this.binding.fd, buffer, 0, buffer.length, null)).bytesRead;
    } catch (error) {
      if (['EAGAIN', 'EWOULDBLOCK', 'EINTR'].includes(systemCode(error) ?? '')) return undefined;
      throw error;
    }
  }
}
