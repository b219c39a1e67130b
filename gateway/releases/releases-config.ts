import { z } from 'zod';
import { durationBetween } from '#core/runtime/durations.js';

const mib = 1024 ** 2;
const gib = 1024 ** 3;

/** The `gateway.releases` section. */
export const releasesSchema = z.strictObject({
  directory: z
    .string()
    .min(1)
    .optional()
    .describe('Folder with the releases; `releases` in the data directory unless set. Several gateways share one'),
  url: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('Where devices get the parts, as http://gateway.plant1:8090/releases; it is announced to them'),
  host: z.string().min(1).default('127.0.0.1').describe('Address to listen on, with port'),
  port: z
    .int()
    .min(0)
    .max(65_535)
    .optional()
    .describe(
      'If set, a port for the parts alone, which devices may reach; without it they are on the HTTP server only',
    ),
  maxDownloads: z.int().min(1).max(10_000).default(64).describe('Parts sent at once; others are told to come back'),
  stallMs: durationBetween('1s', '1h')
    .prefault('1m')
    .describe('A download or upload that does not move for so long ends'),
  maxPartBytes: z
    .int()
    .min(mib)
    .default(256 * mib)
    .describe('Bytes of one part that is uploaded'),
  maxBytes: z
    .int()
    .min(mib)
    .default(4 * gib)
    .describe('Bytes of all parts; an upload beyond it is refused'),
  publicKeyFile: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Public key (ed25519) of releases; if set, what another key signed is not taken here. Devices check by themselves',
    ),
});
export type ReleasesConfig = z.infer<typeof releasesSchema>;

/** The `gateway.rollout` section. */
export const rolloutSchema = z.strictObject({
  api: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('HTTP API of `fieldline cloud serve`, which is asked for completeness; `fieldline up` asks itself'),
  caFile: z
    .string()
    .min(1)
    .optional()
    .describe('PEM file with the authority of api, for https: where those of the system do not know it'),
  authorizationFile: z
    .string()
    .min(1)
    .optional()
    .describe(
      'File with what the proxy before api wants as Authorization, as `Bearer …` or `Basic …`; read at each question',
    ),
  atOnce: z.int().min(1).max(10_000).default(50).describe('Devices of a rollout that fetch or try a release at once'),
  silentAfterMs: durationBetween('1s', '24h')
    .prefault('5m')
    .describe('A device that said nothing for so long counts as offline'),
});
export type RolloutConfig = z.infer<typeof rolloutSchema>;
