import { z } from 'zod';

const mib = 1024 * 1024;
const bytes = z.int().min(1024);

/** The `gateway.routing` section of the configuration. */
export const routingSchema = z.strictObject({
  maxSessions: z
    .int()
    .min(1)
    .default(1000)
    .describe('Clients remembered while they are away; beyond it the one away for longest is forgotten'),
  maxQueuedMessages: z.int().min(1).default(1000).describe('Messages that wait for one of them; further ones are lost'),
  maxQueuedBytes: bytes.default(64 * mib).describe('Bytes of those for all of them'),
  maxRetainedMessages: z.int().min(1).default(10_000).describe('Retained messages; further topics are not retained'),
  maxRetainedBytes: bytes.default(16 * mib).describe('Bytes of them'),
});
