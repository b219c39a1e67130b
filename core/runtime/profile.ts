import { z } from 'zod';

/** `embedded`: one process with everything in it; `cluster`: Kafka, InfluxDB, and a process for each part. */
export const profiles = ['embedded', 'cluster'] as const;
export const profileSchema = z.enum(profiles);
export type Profile = z.infer<typeof profileSchema>;
