import type { DeviceTables } from './device.js';

/** The checksum of Modbus over serial line, section 6.2.2, low byte first. */
function withCrc(frame: Buffer): Buffer {
  let crc = 0xffff;
  for (const byte of frame) {
    crc ^= byte;
    for (let i = 0; i < 8; i += 1) crc = crc & 1 ? (crc >> 1) ^ 0xa001 : crc >> 1;
  }
  return Buffer.concat([frame, Buffer.from([crc & 0xff, crc >> 8])]);
}

/** A unit on a serial line: hears requests in any pieces, and answers those to it. */
export class RtuDevice {
  private heard = Buffer.alloc(0);
  /** What the device does with its answers; undefined: it stays silent. */
  disturb: (frame: Buffer) => Buffer | undefined = (frame) => frame;

  constructor(
    private readonly tables: DeviceTables,
    private readonly units: readonly number[] = [1],
  ) {}

  readonly answer = (_text: string, bytes: Buffer): Buffer | undefined => {
    this.heard = Buffer.concat([this.heard, bytes]);
    if (this.heard.length < 8) return undefined;
    const request = this.heard.subarray(0, 8);
    this.heard = Buffer.from(this.heard.subarray(8));
    if (!withCrc(request.subarray(0, 6)).equals(request)) throw new Error(`a bad request: ${request.toString('hex')}`);
    if (!this.units.includes(request[0]!)) return undefined;
    return this.disturb(withCrc(Buffer.from([request[0]!, ...this.pdu(request)])));
  };

  private pdu(request: Buffer): number[] {
    const code = request[1]!;
    const [address, count] = [request.readUInt16BE(2), request.readUInt16BE(4)];
    const { vector } = this.tables;
    try {
      if (code > 2) {
        const read = code === 3 ? vector.getMultipleHoldingRegisters! : vector.getMultipleInputRegisters!;
        const values = (read as (address: number, count: number, unit: number) => number[])(
          address,
          count,
          request[0]!,
        );
        return [code, count * 2, ...values.flatMap((value) => [value >> 8, value & 0xff])];
      }
      const read = (code === 1 ? vector.getCoil! : vector.getDiscreteInput!) as (address: number) => boolean;
      const bytes = Array.from({ length: Math.ceil(count / 8) }, () => 0);
      for (let i = 0; i < count; i += 1) if (read(address + i)) bytes[i >> 3]! |= 1 << (i & 7);
      return [code, bytes.length, ...bytes];
    } catch (error) {
      return [code | 0x80, (error as { modbusErrorCode: number }).modbusErrorCode];
    }
  }
}
