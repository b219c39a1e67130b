import { FatalError, messageOf } from '#core/runtime/errors.js';

/** What `create` makes; a RangeError of it is a fault of the configuration. Throws FatalError `bad-config`. */
export function configured<T>(what: string, create: () => T): T {
  try {
    return create();
  } catch (cause) {
    if (cause instanceof RangeError) throw new FatalError('bad-config', `${what}: ${messageOf(cause)}`, { cause });
    throw cause;
  }
}
