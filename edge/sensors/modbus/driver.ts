import { z } from 'zod';
import { durationBetween } from '#core/runtime/durations.js';
import type { DriverParts, SensorDriver } from '../driver.js';
import { ModbusSensor } from '../modbus.js';
import { rtuLink, tcpLink } from './client-link.js';
import type { OpenModbusLink } from './link.js';
import { registerMapSchema } from './register-map.js';

const commonShape = {
  unitId: z.int().min(0).max(255).default(1).describe('Unit that is asked, also called slave id'),
  requestTimeoutMs: durationBetween('10ms', '1m')
    .prefault('1s')
    .describe('How long an answer may take; each silent unit costs a read this once'),
  maxRegisters: z
    .int()
    .min(1)
    .max(125)
    .default(125)
    .describe('Registers of one request; some devices take fewer than the standard'),
  maxGap: z
    .int()
    .min(0)
    .max(124)
    .default(0)
    .describe('Unlisted registers that are read along to join two requests into one'),
  channels: registerMapSchema.describe('The register map: what stands where, and what it means'),
};
type CommonOptions = z.output<z.ZodObject<typeof commonShape>>;

const tcpShape = {
  host: z.string().min(1).describe('Name or address of the device or of its gateway'),
  port: z.int().min(1).max(65_535).default(502).describe('TCP port'),
  ...commonShape,
};

const rtuShape = {
  path: z.string().min(1).describe('Device file of the serial port; one entry for a bus, with unitId at its channels'),
  baudRate: z.int().min(300).max(1_000_000).default(19_200).describe('Bits a second'),
  parity: z.enum(['none', 'even', 'odd']).default('even').describe('Parity; the standard is even'),
  dataBits: z
    .union([z.literal(7), z.literal(8)])
    .default(8)
    .describe('Data bits'),
  stopBits: z
    .union([z.literal(1), z.literal(2)])
    .default(1)
    .describe('Stop bits; the standard is 2 without parity'),
  quietMs: durationBetween('0ms', '1s')
    .optional()
    .describe('Silence before each request, which slow devices need. Default: 3.5 characters, as the standard says'),
  ...commonShape,
};

const exampleMap = `channels:
  - { name: flow-temp, quantity: temperature, unit: Cel, table: input, address: 0, type: int16, scale: 0.1, invalid: 0x8000 }
  - { name: energy, quantity: energy, unit: kWh, address: 100, type: float32, byteOrder: CDAB }
  - { name: pump, quantity: pump_state, unit: /, address: 200, bit: 3 }`;

export const modbusTcpDriver = {
  summary:
    'Registers and bits of Modbus TCP devices, also of several units behind a gateway. Neighbouring registers are read together; ' +
    'a register that the device refuses, or that holds an invalid value, makes only its own channel bad: its last known value comes ' +
    'once more, with that quality, and nothing until it can be read again.',
  example: `driver: modbus-tcp\nhost: 192.168.1.40\nintervalMs: 5s\n${exampleMap}`,
  shape: tcpShape,
  create: (options: z.output<z.ZodObject<typeof tcpShape>>, parts: DriverParts) =>
    sensor(options, parts, tcpLink(options)),
} satisfies SensorDriver;

export const modbusRtuDriver = {
  summary:
    'The same over a serial line (RS-485). One entry reads all units of a bus, each channel with its own unitId.',
  example: `driver: modbus-rtu\npath: /dev/ttyUSB0\nbaudRate: 9600\nintervalMs: 5s\n${exampleMap}`,
  shape: rtuShape,
  create: (options: z.output<z.ZodObject<typeof rtuShape>>, parts: DriverParts) =>
    sensor(options, parts, rtuLink(options, parts.clock)),
} satisfies SensorDriver;

function sensor(options: CommonOptions, parts: DriverParts, open: OpenModbusLink): ModbusSensor {
  const { unitId, maxRegisters, maxGap, channels } = options;
  return new ModbusSensor({ ...parts, open, unitId, maxRegisters, maxGap, registers: channels });
}
