import { z } from 'zod';
import { durationBetween } from '#core/runtime/durations.js';
import type { DriverParts, SensorDriver } from '../driver.js';
import { HttpSensor } from '../http.js';
import { httpChannelsSchema } from './channels.js';

const headerName = z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, 'no header name');

const shape = {
  url: z
    .url({ protocol: /^https?$/ })
    .refine((url) => !URL.canParse(url) || new URL(url).username === '', 'put the user into an Authorization header')
    .describe('What is asked'),
  method: z.enum(['GET', 'POST']).default('GET').describe('Method of the request'),
  headers: z.record(headerName, z.string()).default({}).describe('Headers of the request'),
  headerFiles: z
    .record(headerName, z.string().min(1))
    .default({})
    .describe('Headers whose value is a secret: the file that holds it, such as Authorization: /etc/fieldline/weather'),
  body: z.string().optional().describe('Body of a POST'),
  requestTimeoutMs: durationBetween('10ms', '5m')
    .prefault('5s')
    .describe('Time from the request to the end of the answer; less than timeoutMs'),
  maxBytes: z.int().min(1).max(67_108_864).default(1_048_576).describe('A longer answer is given up'),
  channels: httpChannelsSchema.describe('What is found where in the answer'),
};

export const httpDriver = {
  summary:
    'Asks an HTTP(S) address at each interval and finds values in the JSON or text that it answers. Another status than 2xx is a ' +
    'failure of the whole; a channel that is not in the answer has its last known value once more, with quality bad. Redirects are followed, ' +
    'but not to another host if the request has headers or a body. An authority of your own: set NODE_EXTRA_CA_CERTS.',
  example: `driver: http
url: http://192.168.1.50/status
intervalMs: 10s
headerFiles: { Authorization: /etc/fieldline/shelly-auth }
channels:
  - { name: pv-power, quantity: power, unit: W, path: 'meters[0].power' }
  - { name: relay, quantity: switch, unit: /, path: 'relays[0].ison', type: boolean }
  - { name: uptime, quantity: uptime, unit: s, regex: '"uptime":(\\d+)' }`,
  shape,
  create: (options: z.output<z.ZodObject<typeof shape>>, parts: DriverParts) =>
    new HttpSensor({ ...options, ...parts }),
} satisfies SensorDriver;
