import { z } from 'zod';
import type { SensorDescription } from '#core/contract/catalogue.js';
import { channelShape, describeChannel } from '../channel-shape.js';
import { inputKinds } from '../host/input.js';
import { thermometer } from './one-wire.js';
import { iioKind } from './iio.js';

const { quantity, unit, ...restShape } = channelShape;
const shape = {
  ...restShape,
  quantity: quantity.optional().describe('What is measured. Default: what the kind measures'),
  unit: unit.optional().describe('Unit of the SenML registry after scale and offset. Default: that of the kind'),
};

const kinds = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('w1').describe('A thermometer of a 1-Wire bus'),
    address: z.string().regex(thermometer, 'such as 28-0316a2796c1f').describe('Its number: 28-0316a2796c1f'),
    ...shape,
  }),
  z.strictObject({
    kind: z.literal('iio').describe('A channel of a converter or sensor chip (Industrial I/O)'),
    address: z
      .string()
      .regex(/^[^/]+\/[a-z][a-z0-9_-]*$/, 'such as bme280/temp')
      .describe('Chip and channel: bme280/temp'),
    ...shape,
  }),
  z.strictObject({
    kind: z.literal('hwmon').describe('An input of a chip that monitors hardware'),
    address: z
      .string()
      .regex(/^.+\/(temp|fan|in|curr|power|humidity)\d+$/, 'such as nct6775/fan1')
      .describe('Chip and input: nct6775/fan1'),
    ...shape,
  }),
  z.strictObject({
    kind: z.literal('thermal').describe('A thermal zone of the processor'),
    address: z.string().min(1).describe('Its type: cpu-thermal'),
    ...shape,
  }),
  z.strictObject({
    kind: z.literal('gpio').describe('The state of a GPIO line, where the kernel has it in /sys/class/gpio'),
    line: z.int().min(0).describe('Number of the line, on its chip if one is named'),
    chip: z.string().min(1).optional().describe('Label of the chip: pinctrl-bcm2711'),
    activeLow: z.boolean().optional().describe('Whether a low voltage means true. Default: as it is set'),
    ...shape,
  }),
  z.strictObject({
    kind: z.literal('file').describe('Any other file that holds one number'),
    path: z.string().min(1).describe('Below the root: sys/class/power_supply/BAT0/voltage_now'),
    ...shape,
  }),
]);
export type LinuxChannel = z.output<typeof kinds>;

export const linuxChannelSchema = kinds.superRefine((channel, context) => {
  if ((channel.kind !== 'iio' && channel.kind !== 'file') || defaultsOf(channel)) return;
  for (const key of ['quantity', 'unit'] as const) {
    if (channel[key] !== undefined) continue;
    context.addIssue({ code: 'custom', path: [key], message: `must be set: nothing is known of such a channel` });
  }
});

/** What the channel measures if nothing else is said. */
function defaultsOf(channel: LinuxChannel): Pick<SensorDescription, 'quantity' | 'unit'> | undefined {
  switch (channel.kind) {
    case 'w1':
    case 'thermal':
      return inputKinds.temp;
    case 'iio':
      return iioKind(channel.address.slice(channel.address.lastIndexOf('/') + 1));
    case 'hwmon': {
      const [, input] = /\/([a-z]+)\d+$/.exec(channel.address) ?? [];
      return inputKinds[input as keyof typeof inputKinds];
    }
    case 'gpio':
      return { quantity: 'state', unit: '/' };
    case 'file':
      return undefined;
  }
}

/** As the catalogue wants it, whether or not the hardware is there. */
export function describeLinuxChannel(channel: LinuxChannel): SensorDescription {
  const defaults = defaultsOf(channel);
  const quantity = channel.quantity ?? defaults!.quantity;
  return describeChannel({ ...channel, quantity, unit: channel.unit ?? defaults!.unit });
}
