import { z } from 'zod';
import { durationBetween } from '#core/runtime/durations.js';

const path = z.string().min(1);

/** The `gateway.enrolment` section. */
export const enrolmentSchema = z.strictObject({
  caCert: path.describe(
    'PEM file with the certificate of the authority that signs, and those between it and the root; what it signs lets devices in',
  ),
  caKey: path.describe('PEM file with its key (ECDSA on P-256), which nobody else may read'),
  validDays: z
    .int()
    .min(1)
    .max(7300)
    .default(365)
    .describe('How long a certificate lasts; devices renew it after two thirds of that'),
  tokenMs: durationBetween('1m', '365d')
    .prefault('7d')
    .describe('How long an enrolment token may be used, unless it is made for another time'),
});
export type EnrolmentConfig = z.infer<typeof enrolmentSchema>;
