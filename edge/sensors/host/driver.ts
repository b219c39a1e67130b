import { z } from 'zod';
import type { DriverParts, SensorDriver } from '../driver.js';
import { HostSensor } from '../host.js';

const shape = {
  root: z.string().min(1).default('/').describe('Folder below which /proc and /sys are found'),
  mounts: z.array(z.string().min(1)).default(['/']).describe('Mounted file systems whose fill is measured'),
  channels: z.array(z.string().min(1)).min(1).default(['*']).describe('Globs of the channels to read'),
};

export const hostDriver = {
  summary: 'The machine that the agent runs on: processor, memory, disks, network and temperatures.',
  example: "driver: host\nintervalMs: 5s\nchannels: ['cpu-*', 'memory-*', 'temp-*']",
  shape,
  // Programs come in bursts: what looks like a spike is the truth about a computer.
  processing: { filters: [] },
  create: (options: z.output<z.ZodObject<typeof shape>>, { clock }: DriverParts) =>
    new HostSensor({ ...options, clock }),
} satisfies SensorDriver;
