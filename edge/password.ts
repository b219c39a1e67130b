import { readFileSync } from 'node:fs';
import { FatalError, messageOf } from '#core/runtime/errors.js';
import type { EdgeConfig } from './config.js';

/** The device's token; undefined where the gateway asks for none. Throws FatalError `bad-config` if its file cannot be read. */
export function devicePassword({ password, passwordFile }: EdgeConfig['gateway']): string | undefined {
  if (password !== undefined || passwordFile === undefined) return password;
  try {
    return readFileSync(passwordFile, 'utf8').trim();
  } catch (cause) {
    throw new FatalError('bad-config', `cannot read edge.gateway.passwordFile: ${messageOf(cause)}`, { cause });
  }
}
