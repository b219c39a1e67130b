import { messageOf, RetryableError } from '#core/runtime/errors.js';
import { serialBinding, type BindingOptions, type BoundPort } from './binding.js';

export type PortOptions = Required<Omit<BindingOptions, 'lock'>>;

export interface PortListener {
  /** The chunk is only valid during the call. */
  readonly onData: (chunk: Buffer) => void;
  /** The line is gone; called at most once, and not after `close`. */
  readonly onLost: (error: Error) => void;
}

/** An open serial port that hands over what arrives. */
export class Port {
  private closed = false;
  private constructor(
    private readonly bound: BoundPort,
    private readonly listener: PortListener,
  ) {
    void this.pump();
  }

  /** Throws RetryableError while the device is not there or in use, FatalError where there are no serial ports at all. */
  static async open({ path, baudRate, dataBits, parity, stopBits, rtscts }: PortOptions, listener: PortListener) {
    const binding = await serialBinding();
    try {
      return new Port(await binding.open({ path, baudRate, dataBits, parity, stopBits, rtscts, lock: true }), listener);
    } catch (cause) {
      throw new RetryableError('unavailable', `cannot open ${path}: ${messageOf(cause)}`, { cause });
    }
  }

  /** Resolves when the system has the bytes. */
  write(data: Buffer): Promise<void> {
    return this.bound.write(data);
  }

  /** Forgets what has arrived and was not handed over, and what was not sent yet. */
  flush(): Promise<void> {
    return this.bound.flush();
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    // Closing waits for bytes that were never sent, half a minute where the other side refuses them.
    await this.flush().catch(() => undefined);
    await this.bound.close();
  }

  private async pump(): Promise<void> {
    const buffer = Buffer.allocUnsafe(4096);
    try {
      while (!this.closed) {
        const { bytesRead } = await this.bound.read(buffer, 0, buffer.length);
        if (!this.closed) this.listener.onData(buffer.subarray(0, bytesRead));
      }
    } catch (error) {
      if (this.closed) return;
      this.closed = true;
      // As long as it is open, a device that is plugged in again gets another name.
      await this.bound.close().catch(() => undefined);
      this.listener.onLost(error as Error);
    }
  }
}
