import { z } from 'zod';
import { isTopicFilter } from '#core/contract/topic-filter.js';

const placeholders = { devices: ['{site}', '{device}'], clients: ['{client}'] } as const;
type Who = keyof typeof placeholders;

const ownTopics = /^fieldline(\/|$)/;
const glob = z.string().min(1).max(130);
const filters = z.array(z.string().min(1)).default([]);

const ruleSchema = z
  .strictObject({
    devices: glob.optional().describe('Devices that it is for, as <site>/<device>; * stands for any characters'),
    clients: glob.optional().describe('Clients that it is for, by user name; * stands for any characters'),
    write: filters.describe(
      'Topic filters that they may publish to; {site}, {device} and {client} are their own names',
    ),
    read: filters.describe('Topic filters that they may subscribe to, or to a part of'),
  })
  .superRefine((rule, context) => {
    const fault = (message: string, path: (string | number)[] = []) => {
      context.addIssue({ code: 'custom', message, path, input: undefined });
    };
    const who = whoOf(rule);
    if (!who) return fault('either devices or clients must be named');
    for (const way of ['write', 'read'] as const) {
      for (const [i, filter] of rule[way].entries()) {
        const problem = problemOf(filter, who, way);
        if (problem !== undefined) fault(problem, [way, i]);
      }
    }
  });
export type AclRule = z.infer<typeof ruleSchema>;

const openSchema = z.strictObject({
  open: z.literal(true).describe('Everybody may write and read everything outside of fieldline/'),
  unreadable: z
    .array(z.string().refine(isTopicFilter, 'not a topic filter of MQTT'))
    .default([])
    .describe('Topic filters that nobody may subscribe to; wider subscriptions do not bring their messages either'),
});

/** `gateway.mqtt.acl` */
export const aclSchema = z
  .union([z.literal('open'), openSchema, z.array(ruleSchema)], 'expected open, or a list of rules')
  .default([])
  .describe(
    'What clients, and devices beyond their own topics, may write and read, see docs/gateway/access.md; open: everything outside of fieldline/',
  );
export type AclConfig = z.infer<typeof aclSchema>;

function whoOf({ devices, clients }: { devices?: string | undefined; clients?: string | undefined }): Who | undefined {
  if ((devices === undefined) === (clients === undefined)) return undefined;
  return devices === undefined ? 'clients' : 'devices';
}

function problemOf(filter: string, who: Who, way: 'write' | 'read'): string | undefined {
  const known: readonly string[] = placeholders[who];
  const strange = (filter.match(/\{[^}]*\}/g) ?? []).find((one) => !known.includes(one));
  if (strange !== undefined) return `${strange} is nothing that ${who} have: ${known.join(', ')}`;
  if (!isTopicFilter(filter)) return 'not a topic filter of MQTT';
  // A device's own are its by nature, and nobody speaks in its place.
  return way === 'write' && ownTopics.test(filter)
    ? 'topics below fieldline/ are written by their own device'
    : undefined;
}
