import type { Table } from './register-map.js';

/** What a request asks for. */
export interface ModbusRequest {
  readonly unitId: number;
  readonly table: Table;
  readonly address: number;
  readonly count: number;
}

/**
 * A way to Modbus devices. One request at a time.
 * Once a request failed otherwise than by an exception nobody knows what is still on its way: the link is closed then.
 */
export interface ModbusLink {
  readonly isOpen: boolean;
  /**
   * The bytes of the registers, or of the bits, eight to a byte. Rejects with ModbusException when the device answers with
   * one; with RetryableError `timeout`, `unavailable` or `bad-data-format` otherwise.
   */
  read(request: ModbusRequest): Promise<Buffer>;
  /** Ends a request in work. */
  close(): Promise<void>;
}

/** Rejects with RetryableError. */
export type OpenModbusLink = () => Promise<ModbusLink>;

/** The exception codes of the Modbus application protocol, section 7. */
const exceptionTexts: Record<number, string> = {
  1: 'illegal function',
  2: 'illegal data address',
  3: 'illegal data value',
  4: 'server device failure',
  5: 'acknowledge',
  6: 'server device busy',
  8: 'memory parity error',
  10: 'gateway path unavailable',
  11: 'gateway target device failed to respond',
};

/** The device understood the request and refused it. */
export class ModbusException extends Error {
  override readonly name = 'ModbusException';

  constructor(
    readonly code: number,
    request: ModbusRequest,
  ) {
    const { unitId, table, address, count } = request;
    const place = count === 1 ? `${address}` : `${address} to ${address + count - 1}`;
    super(`unit ${unitId}, ${table} ${place}: exception ${code}, ${exceptionTexts[code] ?? 'unknown'}`);
  }

  /** Whether it tells of the device, or of the way to it, and not of the registers. */
  get isOfUnit(): boolean {
    return this.code === 5 || this.code === 6 || this.code === 10 || this.code === 11;
  }
}
