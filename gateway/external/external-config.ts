import { z } from 'zod';
import { durationBetween } from '#core/runtime/durations.js';

const path = z.string().min(1);

/** `gateway.external`: a broker elsewhere, instead of the gateway's own. */
export const externalSchema = z.strictObject({
  url: z
    .string()
    .regex(/^mqtts?:\/\/[^/\s@]+$/, 'must be mqtt://host:port or mqtts://host:port')
    .describe('Where the broker is: mqtt://host:port, or mqtts://host:port for TLS'),
  username: z.string().min(1).optional().describe('User name of the gateway at the broker'),
  passwordFile: path.optional().describe('File with its password and nothing else, read at each connection'),
  tls: z
    .strictObject({
      ca: path.optional().describe('PEM file with the authority of the broker; those of the system unless set'),
      cert: path.optional().describe('PEM file with the certificate of the gateway'),
      key: path.optional().describe('PEM file with its private key'),
    })
    .prefault({})
    .describe('For mqtts:// only'),
  protocol: z.enum(['5', '3.1.1']).default('5').describe('Version of MQTT that is spoken with the broker'),
  shareGroup: z
    .string()
    .regex(/^[^/+#\s]{0,128}$/, 'must be without / + # and blanks')
    .default('fieldline')
    .describe('Gateways of one group share the messages; empty for a broker without $share: then run one gateway only'),
  clientId: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe('Name of the session at the broker, another one for each gateway; fieldline-<host name> unless set'),
  receiveWindow: z
    .int()
    .min(1)
    .max(65_535)
    .default(1000)
    .describe('Messages taken in and not yet acknowledged; the broker may allow fewer'),
  keepaliveMs: durationBetween('1s', '1h')
    .prefault('30s')
    .describe('A connection is tried when it was silent for so long'),
  sessionExpiryMs: durationBetween('1m', '365d')
    .prefault('7d')
    .describe('How long the broker keeps messages for a gateway that is away (MQTT 5; else the broker decides)'),
});
export type ExternalConfig = z.infer<typeof externalSchema>;
