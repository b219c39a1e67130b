import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { ServerTCP, type IServiceVector } from 'modbus-serial';
import { freePort } from '../../../servers/free-port.js';

/** The tables of a Modbus device, and what it refuses. */
export class DeviceTables {
  readonly holding = new Map<number, number>();
  readonly input = new Map<number, number>();
  readonly bits = new Map<number, boolean>();
  /** Address to exception code. */
  readonly refused = new Map<number, number>();
  /** Exception code of every register of a unit. */
  readonly refusedUnits = new Map<number, number>();
  /** `holding 10+4` of each request, in order. */
  readonly requests: string[] = [];

  readonly vector: IServiceVector = {
    getMultipleHoldingRegisters: (address: number, length: number, unit: number) =>
      this.registers('holding', address, length, unit),
    getHoldingRegister: (address: number, unit: number) => this.registers('holding', address, 1, unit)[0]!,
    getMultipleInputRegisters: (address: number, length: number, unit: number) =>
      this.registers('input', address, length, unit),
    getInputRegister: (address: number, unit: number) => this.registers('input', address, 1, unit)[0]!,
    getCoil: (address: number) => this.bits.get(address) ?? false,
    getDiscreteInput: (address: number) => !(this.bits.get(address) ?? false),
  };

  write(table: 'holding' | 'input', address: number, bytes: Buffer): void {
    for (let i = 0; i < bytes.length; i += 2) this[table].set(address + i / 2, bytes.readUInt16BE(i));
  }

  private registers(table: 'holding' | 'input', address: number, length: number, unit: number): number[] {
    this.requests.push(`${table} ${address}+${length}`);
    const addresses = Array.from({ length }, (_, i) => address + i);
    const code = this.refusedUnits.get(unit) ?? addresses.map((each) => this.refused.get(each)).find(Boolean);
    if (code !== undefined) throw Object.assign(new Error('refused'), { modbusErrorCode: code });
    return addresses.map((each) => this[table].get(each) ?? 0);
  }
}

export interface ModbusServer {
  readonly port: number;
  stop(): Promise<void>;
}

/** A Modbus TCP server of the tables, on loopback. */
export async function startModbusServer(tables: DeviceTables, wantedPort?: number): Promise<ModbusServer> {
  const port = wantedPort ?? (await freePort());
  const server = new ServerTCP(tables.vector, { host: '127.0.0.1', port, unitID: 255 });
  server.on('socketError', () => undefined);
  await once(server, 'initialized');
  return {
    port,
    stop: () =>
      new Promise((resolve) => {
        for (const socket of server.socks.keys()) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

/** A server that does with each request what the test says; `answer` writes to the socket. */
export async function startRawServer(
  answer: (request: Buffer, socket: Socket) => void,
  wantedPort?: number,
): Promise<ModbusServer> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (request) => answer(request, socket));
  });
  const port = wantedPort ?? (await freePort());
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** The frame of an answer to a Modbus TCP request: its transaction, then `unit` and the PDU. */
export function tcpFrame(request: Buffer, unit: number, pdu: readonly number[]): Buffer {
  const head = Buffer.from([0, 0, 0, 0, 0, pdu.length + 1, unit]);
  request.copy(head, 0, 0, 2);
  return Buffer.concat([head, Buffer.from(pdu)]);
}
