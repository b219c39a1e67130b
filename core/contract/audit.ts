import { z } from 'zod';

/** What the gateway keeps an account of. */
export const auditedActs = [
  'log-in',
  'credential-made',
  'credential-revoked',
  'enrol',
  'config',
  'command',
  'adopt',
  'rename',
  'replace',
  'retire',
  'replay',
  'release',
  'rollout',
] as const;

/** One record of the log topic `gateway-audit`. */
export const auditEntrySchema = z.object({
  timeUs: z.int(),
  /** A user name, `operator`, or `unknown`. */
  who: z.string().max(256),
  what: z.enum(auditedActs),
  /** What it was done to: a device, a client, a command's id, a place in the log. */
  target: z.string().max(256),
  outcome: z.enum(['done', 'refused', 'failed']),
  /** The network address that it came from, where there is one. */
  address: z.string().max(64).optional(),
  /** One sentence for a person. Never a secret. */
  detail: z.string().max(500).optional(),
});
export type AuditEntry = z.infer<typeof auditEntrySchema>;
