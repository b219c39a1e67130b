import { z } from 'zod';
import { durationBetween } from '#core/runtime/durations.js';
import { FatalError } from '#core/runtime/errors.js';
import type { DriverParts, SensorDriver } from '../driver.js';
import { parserSchema } from './parsers.js';
import { SerialSensor } from './sensor.js';

const shape = {
  path: z.string().min(1).describe('Device file; below /dev/serial/by-id it is the same at each boot'),
  baudRate: z.int().min(50).max(4_000_000).default(9600).describe('Bits a second'),
  dataBits: z.literal([5, 6, 7, 8]).default(8).describe('Bits of a character'),
  parity: z.enum(['none', 'even', 'odd']).default('none').describe('Parity bit of a character'),
  stopBits: z.literal([1, 2]).default(1).describe('Stop bits of a character'),
  rtscts: z.boolean().default(false).describe('Flow control by the lines RTS and CTS'),
  parser: parserSchema.describe('How what arrives becomes readings'),
  maxLineBytes: z.int().min(16).max(65_536).default(4096).describe('A longer line is left out, and counted'),
  gapMs: durationBetween('1ms', '1h').prefault('1s').describe('After such a silence a line or frame begins anew'),
  silenceMs: durationBetween('100ms', '1d').optional().describe('After such a silence the port is opened anew'),
  request: z.string().min(1).optional().describe('Text sent at each read, which then waits for an answer'),
  requestHex: z
    .string()
    .regex(/^([0-9a-fA-F]{2})+$/)
    .optional()
    .describe('The same as bytes in hexadecimal'),
  replyMs: durationBetween('10ms', '1m').prefault('1s').describe('How long an answer may take; below timeoutMs'),
  maxBuffered: z.int().min(1).max(1_000_000).default(10_000).describe('Readings kept from one read to the next'),
};

export const serialDriver = {
  summary:
    'A device at a serial port or USB adapter that sends lines (columns, a regular expression, JSON) or binary frames, by itself or when asked. What cannot be read is counted by reason, and never taken for a value; a port that was unplugged is opened again.',
  example: `driver: serial
path: /dev/serial/by-id/usb-Silicon_Labs_CP2102-if00-port0
baudRate: 115200
parser:
  format: delimiter
  separator: ';'
  channels:
    - { name: hall.temp, column: 1, quantity: temperature, unit: Cel }
    - { name: hall.humidity, column: 2, quantity: humidity, unit: '%RH' }`,
  shape,
  create: ({ request, requestHex, ...options }: z.output<z.ZodObject<typeof shape>>, { clock }: DriverParts) => {
    if (request !== undefined && requestHex !== undefined) {
      throw new FatalError('bad-config', `${options.path}: request and requestHex are one too many`);
    }
    const asked = requestHex === undefined ? request && Buffer.from(request) : Buffer.from(requestHex, 'hex');
    return new SerialSensor({ ...options, ...(asked && { request: asked }), clock });
  },
} satisfies SensorDriver;
