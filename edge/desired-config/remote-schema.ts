import { z } from 'zod';
import { ContractError } from '#core/contract/contract-error.js';
import { clockConfigSchema } from '../clock/config.js';
import { edgeConfigSchema, type EdgeConfig } from '../config.js';

const { sensors, channels, pack, uplink } = edgeConfigSchema.shape;

/**
 * The sections of the `edge` configuration that may be set from afar; one that is there takes the place of the whole
 * local section. Never the gateway's address or password, the outbox, or keys: a mistake there could not be mended
 * from afar, and a forger would have the device.
 */
const remoteSections = z.strictObject({
  sensors: sensors.unwrap().optional(),
  channels: channels.unwrap().optional(),
  pack: pack.unwrap().optional(),
  uplink: uplink.unwrap().optional(),
  /** Whom the device believes of the time stays its own: certificates are judged by it. */
  clock: clockConfigSchema.pick({ holdMs: true }).optional(),
});
export type RemoteConfig = z.output<typeof remoteSections>;

/** What a person writes. It is kept in the log and on the gateway in clear text, so it holds no secrets. */
export const remoteConfigSchema: z.ZodType<RemoteConfig> = z
  .unknown()
  .superRefine((config, context) => {
    for (const path of secretPaths(config, [])) {
      const message = 'a secret may not be set from afar: configure this sensor on the device';
      context.addIssue({ code: 'custom', path: [...path], message });
    }
  })
  .pipe(remoteSections);

const secretKey = /passw|passphrase|secret|token|api[-_]?key|credential|authorization|cookie|private[-_]?key/i;
/** `scheme://user:password@host` */
const urlWithPassword = /^[a-z][a-z0-9+.-]*:\/\/[^/\s@]*:[^/\s@]*@/i;

/** Throws {@link ContractError} `schema` with all faults. */
export function parseRemoteConfig(config: unknown): RemoteConfig {
  const result = remoteConfigSchema.safeParse(config);
  if (result.success) return result.data;
  const faults = result.error.issues.map(({ path, message }) =>
    path.length > 0 ? `${path.join('.')}: ${message}` : message,
  );
  throw new ContractError('schema', faults.join('; '));
}

/** The configuration in force: the local one with the remote sections in place of its own. */
export function withRemote(local: EdgeConfig, remote: RemoteConfig): EdgeConfig {
  const { clock, ...sections } = remote;
  const given = Object.fromEntries(Object.entries(sections).filter(([, section]) => section !== undefined));
  return { ...local, ...given, clock: { ...local.clock, ...clock } };
}

/** Where a secret stands in what a person wrote of sensors, as far as names and addresses tell. */
export function* secretPaths(value: unknown, path: readonly PropertyKey[]): Generator<readonly PropertyKey[]> {
  if (typeof value === 'string' && urlWithPassword.test(value)) yield path;
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    const at = [...path, Array.isArray(value) ? Number(key) : key];
    // The keys of `channels` are globs of names.
    if (secretKey.test(key) && path[0] !== 'channels') yield at;
    else yield* secretPaths(inner, at);
  }
}
