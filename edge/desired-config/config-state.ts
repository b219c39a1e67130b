import { z } from 'zod';
import { configReportSchema } from '#core/contract/device-events.js';

const { version, hash, status, confirmed, reason } = configReportSchema.shape;
const outcomeSchema = z.object({ version, hash, status, confirmed, reason });

/** What became of a config; the uplink adds session and time. */
export type ConfigOutcome = z.infer<typeof outcomeSchema>;

/** What must outlive the process, kept beside the outbox. Configs are kept as they came: their signature is checked again. */
export const configStateSchema = z.object({
  /** The highest version ever in force: none up to it is taken again. */
  floor: z.int().nonnegative(),
  /** The config to go back to; null: the local file. */
  healthy: z.string().nullable(),
  /** The config on probation. */
  trial: z
    .object({
      message: z.string(),
      /** Starts of the process in its probation that no orderly stop had come before. */
      restarts: z.int().nonnegative(),
      /** Whether the process has stopped in good order. */
      stopped: z.boolean(),
      /** The sensors that must flow. */
      sources: z.array(z.string()),
      uplinkChanged: z.boolean(),
    })
    .nullable(),
  /** What became of the config with the version `floor`; null while there was none. */
  outcome: outcomeSchema.nullable(),
});
export type ConfigState = z.infer<typeof configStateSchema>;

export const noConfigYet: ConfigState = { floor: 0, healthy: null, trial: null, outcome: null };
