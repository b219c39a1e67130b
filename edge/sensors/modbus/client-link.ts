import type { EventEmitter } from 'node:events';
import { connect, type Socket } from 'node:net';
import type ModbusClient from 'modbus-serial';
import { messageOf, RetryableError } from '#core/runtime/errors.js';
import type { Clock } from '#core/runtime/clock.js';
import { serialBinding } from '../serial/binding.js';
import { ModbusException, type ModbusLink, type ModbusRequest, type OpenModbusLink } from './link.js';
import { tables } from './register-map.js';

type Client = InstanceType<typeof ModbusClient.default>;

/** Loaded when it is needed: it brings the native code of serialport along. */
async function newClient(): Promise<Client> {
  // The package is CommonJS: its class is the default of the default.
  const { default: module } = await import('modbus-serial');
  return new module.default();
}

export interface TcpLinkOptions {
  readonly host: string;
  readonly port: number;
  /** For the connection, and for each answer. */
  readonly requestTimeoutMs: number;
}

export interface RtuLinkOptions {
  /** The device file of the serial port. */
  readonly path: string;
  readonly baudRate: number;
  readonly parity: 'none' | 'even' | 'odd';
  readonly dataBits: 7 | 8;
  readonly stopBits: 1 | 2;
  /** Silence on the line before each request. Default 3.5 characters, as the standard wants it. */
  readonly quietMs?: number | undefined;
  readonly requestTimeoutMs: number;
}

export function tcpLink(options: TcpLinkOptions): OpenModbusLink {
  return async () => {
    const client = await newClient();
    const socket = await connected(options);
    const link = new ClientLink(client, options.requestTimeoutMs, () => {
      socket.destroy();
      return Promise.resolve();
    });
    await client.linkTCP(socket, { port: options.port, socket });
    socket.once('close', () => link.ended('the device closed the connection'));
    if (socket.destroyed) link.ended('the device closed the connection');
    // Only now: for a connection it is a time without traffic, after which the client does nothing of use.
    client.setTimeout(options.requestTimeoutMs);
    return link;
  };
}

export function rtuLink(options: RtuLinkOptions, clock: Clock): OpenModbusLink {
  const { path, requestTimeoutMs, baudRate, parity, dataBits, stopBits, quietMs = quietTimeMs(baudRate) } = options;
  return async () => {
    const client = await newClient();
    try {
      // The client hands its options on to serialport, whose own binding would spin after a cable was pulled.
      const settings = { baudRate, parity, dataBits, stopBits, binding: await serialBinding() };
      await client.connectRTUBuffered(path, settings);
    } catch (cause) {
      throw new RetryableError('unavailable', `${path}: ${messageOf(cause)}`, { cause });
    }
    const { _port: port } = client as unknown as { _port: RtuPort };
    // A port tells of a broken line also after it was closed, when the client no longer listens, and that would be thrown.
    port.on('error', () => undefined);
    const link = new ClientLink(
      client,
      requestTimeoutMs,
      () => closed(client),
      async () => {
        await clock.sleep(quietMs);
        // Frames on a line have no number: what came before the request would be taken for its answer.
        port._buffer = Buffer.alloc(0);
      },
    );
    client.on('error', (error) => link.ended(messageOf(error)));
    client.on('close', () => link.ended(`${path} is gone`));
    client.setTimeout(requestTimeoutMs);
    return link;
  };
}

/** Modbus over serial line, section 2.5.1.1: 3.5 characters of 11 bits, and 1.75 ms on fast lines. */
function quietTimeMs(baudRate: number): number {
  return baudRate > 19_200 ? 1.75 : (3.5 * 11 * 1000) / baudRate;
}

/** What modbus-serial keeps of a serial port: bytes that came and were no part of an answer yet. */
type RtuPort = EventEmitter & { _buffer: Buffer };

/** One connection of modbus-serial. */
class ClientLink implements ModbusLink {
  private isEnded = false;
  private fail: ((error: Error) => void) | undefined;

  constructor(
    private readonly client: Client,
    private readonly requestTimeoutMs: number,
    private readonly cut: () => Promise<void>,
    private readonly prepare?: () => Promise<void>,
  ) {}

  get isOpen(): boolean {
    return !this.isEnded;
  }

  read(request: ModbusRequest): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.isEnded) return reject(new RetryableError('unavailable', 'the connection has ended'));
      this.fail = reject;
      this.send(request).then(resolve, (error: unknown) => reject(this.failure(error, request)));
    });
  }

  async close(): Promise<void> {
    if (this.isEnded) return;
    this.ended('closed');
    await this.cut();
  }

  /** Nothing more will come. */
  ended(reason: string): void {
    this.isEnded = true;
    this.fail?.(new RetryableError('unavailable', reason));
  }

  private async send(request: ModbusRequest): Promise<Buffer> {
    const { client } = this;
    const { unitId, table, address, count } = request;
    await this.prepare?.();
    client.setID(unitId);
    const ask = {
      holding: () => client.readHoldingRegisters(address, count),
      input: () => client.readInputRegisters(address, count),
      coil: () => client.readCoils(address, count),
      discrete: () => client.readDiscreteInputs(address, count),
    };
    const { buffer } = await ask[table]();
    const bytes = tables[table].isBits ? Math.ceil(count / 8) : count * 2;
    if (buffer.length !== bytes) throw new Error(`${buffer.length} bytes came, not ${bytes}`);
    return buffer;
  }

  private failure(error: unknown, request: ModbusRequest): Error {
    const { modbusCode, errno } = error as { readonly modbusCode?: number; readonly errno?: string };
    if (modbusCode !== undefined) return new ModbusException(modbusCode, request);
    const place = `unit ${request.unitId}`;
    if (errno === 'ETIMEDOUT') {
      return new RetryableError('timeout', `${place}: no answer within ${this.requestTimeoutMs} ms`, { cause: error });
    }
    if (errno === 'ECONNREFUSED') return new RetryableError('unavailable', 'the connection has ended');
    return new RetryableError('bad-data-format', `${place}: ${messageOf(error)}`, { cause: error });
  }
}

function connected({ host, port, requestTimeoutMs }: TcpLinkOptions): Promise<Socket> {
  const socket = connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 10_000 });
  const place = `${host}:${port}`;
  return new Promise((resolve, reject) => {
    const give = (error: RetryableError) => {
      socket.destroy();
      reject(error);
    };
    const failed = (cause: Error) =>
      give(new RetryableError('unavailable', `${place}: ${messageOf(cause)}`, { cause }));
    socket.setTimeout(requestTimeoutMs, () =>
      give(new RetryableError('timeout', `${place}: no connection within ${requestTimeoutMs} ms`)),
    );
    socket.once('error', failed);
    socket.once('connect', () => {
      socket.setTimeout(0);
      socket.removeAllListeners('timeout');
      socket.on('error', () => undefined);
      resolve(socket);
    });
  });
}

function closed(client: Client): Promise<void> {
  return new Promise((resolve) => {
    // A line that is gone cannot be closed, and that is as good.
    if (client.isOpen) client.close(() => resolve());
    else resolve();
  });
}
