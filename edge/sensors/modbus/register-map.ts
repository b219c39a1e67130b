import { z } from 'zod';
import { channelList, channelShape } from '../channel-shape.js';

/** The four tables of the Modbus application protocol; `bit` ones hold single bits, the others 16-bit registers. */
// prettier-ignore
export const tables = {
  holding:  { isBits: false, maxCount: 125 },
  input:    { isBits: false, maxCount: 125 },
  coil:     { isBits: true,  maxCount: 2000 },
  discrete: { isBits: true,  maxCount: 2000 },
} as const;
export type Table = keyof typeof tables;

/** Bytes of each type, and whether its sign is in the top bit. */
// prettier-ignore
export const registerTypes = {
  uint16:  { bytes: 2, isSigned: false },
  int16:   { bytes: 2, isSigned: true },
  uint32:  { bytes: 4, isSigned: false },
  int32:   { bytes: 4, isSigned: true },
  uint64:  { bytes: 8, isSigned: false },
  int64:   { bytes: 8, isSigned: true },
  float32: { bytes: 4, isSigned: false },
  float64: { bytes: 8, isSigned: false },
  bool:    { bytes: 2, isSigned: false },
} as const;
export type RegisterType = keyof typeof registerTypes;

/** A is the byte of highest value of two neighbouring registers. */
export const byteOrders = ['ABCD', 'CDAB', 'BADC', 'DCBA'] as const;
export type ByteOrder = (typeof byteOrders)[number];

const registerSchema = z
  .strictObject({
    ...channelShape,
    table: z
      .enum(Object.keys(tables) as [Table])
      .default('holding')
      .describe('Where it is: holding and input registers, coils, discrete inputs'),
    address: z
      .int()
      .min(0)
      .max(65_535)
      .describe('Address on the wire, from 0: what a manual calls 40001 is holding 0, and 30010 is input 9'),
    type: z
      .enum(Object.keys(registerTypes) as [RegisterType])
      .optional()
      .describe('How registers make a number. Default uint16; bool for a bit, a coil or a discrete input'),
    bit: z.int().min(0).max(15).optional().describe('Only this bit of one register, from 0, the lowest: a bool'),
    byteOrder: z
      .enum(byteOrders)
      .default('ABCD')
      .describe('ABCD: high byte and high register first; CDAB: low register first; BADC: low byte first; DCBA: both'),
    unitId: z
      .int()
      .min(0)
      .max(255)
      .optional()
      .describe("Of this channel, where one line has several devices. Default the sensor's"),
    invalid: z
      .union([z.number(), z.array(z.number())])
      .optional()
      .describe('What the register holds, before scale, when it has no value, such as 0x8000'),
    min: z.number().optional().describe('A value below this has quality out-of-range'),
    max: z.number().optional().describe('A value above this has quality out-of-range'),
  })
  .transform((register, context) => {
    const { table, bit, type = bit !== undefined || tables[table].isBits ? 'bool' : 'uint16', address } = register;
    const fault = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    if (tables[table].isBits && type !== 'bool') fault('type', `a ${table} is a bool`);
    if (tables[table].isBits && bit !== undefined) fault('bit', `a ${table} has no bits`);
    if (bit !== undefined && type !== 'bool') fault('type', 'a bit is a bool');
    const count = tables[table].isBits ? 1 : registerTypes[type].bytes / 2;
    if (address + count > 65_536) fault('address', `${count} registers from there end beyond 65535`);
    return { ...register, type, count };
  });

/** A channel of a Modbus device; `count` registers, or one bit, from `address`. */
export type Register = z.output<typeof registerSchema>;

export const registerMapSchema = channelList(registerSchema);
