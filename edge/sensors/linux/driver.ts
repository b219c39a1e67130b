import { z } from 'zod';
import { durationBetween } from '#core/runtime/durations.js';
import { channelList } from '../channel-shape.js';
import type { DriverParts, SensorDriver } from '../driver.js';
import { linuxChannelSchema } from './channels.js';
import { findableKinds } from './find.js';
import { LinuxSensor } from './sensor.js';

const shape = {
  root: z.string().min(1).default('/').describe('Folder below which /sys is found'),
  channels: channelList(linuxChannelSchema)
    .optional()
    .describe('What to read. A kind of which none is listed is read as a whole, if it is in discover'),
  discover: z
    .array(z.enum(findableKinds))
    .default(['w1', 'iio'])
    .describe('Kinds of which everything that is found is read; hwmon and thermal are already in the driver host'),
  waitMs: durationBetween('0ms', '1m')
    .prefault('1s')
    .describe('How long a read waits for a slow bus, whose readings then come with the next one; below timeoutMs'),
};

export const linuxDriver = {
  summary:
    'Sensors that the Linux kernel has drivers for, by its files in /sys: 1-Wire thermometers, converters and chips of Industrial I/O, hardware monitors, thermal zones, GPIO lines. A slow or hanging bus delays no other; an answer with a wrong checksum is bad, and the 85 °C of a DS18B20 that has just been switched on uncertain.',
  example: `driver: linux
intervalMs: 10s
channels:
  - { kind: w1, address: 28-0316a2796c1f, name: boiler.flow, labels: { room: cellar } }
  - { kind: iio, address: bme280/humidityrelative, name: hall.humidity }
  - { kind: gpio, chip: pinctrl-bcm2711, line: 17, activeLow: true, name: door.open }`,
  shape,
  create: ({ channels = [], ...options }: z.output<z.ZodObject<typeof shape>>, { clock }: DriverParts) =>
    new LinuxSensor({ ...options, channels, clock }),
} satisfies SensorDriver;
