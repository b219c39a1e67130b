import { z } from 'zod';
import { durationBetween } from '#core/runtime/durations.js';
import type { DriverParts, SensorDriver } from '../driver.js';
import { MqttInSensor } from '../mqtt-in.js';
import { mqttChannelsSchema } from './channels.js';

const file = z.string().min(1).optional();

const shape = {
  url: z
    .url({ protocol: /^mqtts?$/ })
    .default('mqtt://127.0.0.1:1883')
    .describe('Address of the broker; mqtts:// for TLS'),
  clientId: z.string().min(1).max(256).optional().describe('Client id. Default: a random one'),
  username: z.string().min(1).optional().describe('User name at the broker'),
  password: z.string().min(1).optional().describe('Password; better in a file'),
  passwordFile: file.describe('File that holds the password and nothing else'),
  caFile: file.describe("PEM file of the authority that signed the broker's certificate. Default: those of the system"),
  certFile: file.describe('PEM file with a certificate of this client, where the broker wants one'),
  keyFile: file.describe('PEM file with its private key'),
  qos: z
    .union([z.literal(0), z.literal(1)])
    .default(1)
    .describe('Quality of service of the subscriptions'),
  retained: z
    .enum(['ignore', 'uncertain'])
    .default('ignore')
    .describe('Retained messages are old, nobody knows how old. uncertain: one may be the first reading of a channel'),
  keepaliveMs: durationBetween('1s', '1h').prefault('30s').describe('MQTT keep-alive, in whole seconds'),
  connectTimeoutMs: durationBetween('100ms', '1m').prefault('5s').describe('How long the broker may take to accept'),
  reconnectMs: durationBetween('50ms', '1m').prefault('2s').describe('Pause before a lost broker is tried again'),
  maxPayloadBytes: z.int().min(1).default(262_144).describe('Longer messages are dropped, and counted as too-large'),
  maxBufferedReadings: z
    .int()
    .min(1)
    .default(10_000)
    .describe('Readings held between two reads; beyond it the oldest are dropped, and counted as buffer-full'),
  channels: mqttChannelsSchema.describe('What is taken from which message'),
};

export const mqttInDriver = {
  summary:
    'What other devices publish to an MQTT broker nearby: zigbee2mqtt, Tasmota and others, JSON or plain. Each message is one reading ' +
    'of a channel, stamped at its arrival or with its own time; what has no value in it is no reading. When a device is said to be ' +
    'offline, its channels have their last known value once more, with quality bad, and what it says before it is online again is ' +
    'uncertain.',
  example: `driver: mqtt-in
intervalMs: 1s
channels:
  - name: kitchen-temp
    quantity: temperature
    unit: Cel
    topic: zigbee2mqtt/kitchen
    path: temperature
    availabilityTopic: zigbee2mqtt/kitchen/availability
  - { name: washer-power, quantity: power, unit: W, topic: tele/washer/SENSOR, path: ENERGY.Power }
  - { name: washer-on, quantity: switch, unit: /, topic: stat/washer/POWER, type: boolean }`,
  shape,
  create: (options: z.output<z.ZodObject<typeof shape>>, parts: DriverParts) =>
    new MqttInSensor({ ...options, ...parts }),
} satisfies SensorDriver;
