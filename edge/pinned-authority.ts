import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { FatalError, messageOf } from '#core/runtime/errors.js';
import type { EdgeConfig } from './config.js';

/** The authority that the configuration pins, as `ca`, if it pins one. Throws FatalError `bad-config` if its file holds none. */
export function pinnedAuthority({ caFile }: EdgeConfig['gateway']): { ca?: string } {
  if (caFile === undefined) return {};
  try {
    const ca = readFileSync(caFile, 'utf8');
    new X509Certificate(ca);
    return { ca };
  } catch (cause) {
    throw new FatalError('bad-config', `no certificate in edge.gateway.caFile ${caFile}: ${messageOf(cause)}`, {
      cause,
    });
  }
}
