import { FatalError, messageOf, RejectedError, RetryableError } from '../../runtime/errors.js';

/** kafkajs wraps errors in errors; the protocol's own name of what is wrong is somewhere in the chain. */
export function protocolType(error: unknown): string | undefined {
  for (let e = error; e instanceof Error; e = e.cause) {
    const { type } = e as { type?: unknown };
    if (typeof type === 'string') return type;
  }
  return undefined;
}

/** Whether an error of this class is in the chain. kafkajs names its classes only in `name`. */
export function isNamed(error: unknown, ...names: string[]): boolean {
  for (let e = error; e instanceof Error; e = e.cause) if (names.includes(e.name)) return true;
  return false;
}

const passing = new Set(['GROUP_LOAD_IN_PROGRESS', 'GROUP_COORDINATOR_NOT_AVAILABLE', 'NOT_COORDINATOR_FOR_GROUP']);

/** Whether the group's coordinator only has to settle, as after the start of a broker. */
export function isPassing(error: unknown): boolean {
  return passing.has(protocolType(error) ?? '');
}

/** What the caller of a failed request to the cluster must do. */
export function kafkaError(what: string, error: unknown): RetryableError | RejectedError | FatalError {
  if (error instanceof RetryableError || error instanceof RejectedError || error instanceof FatalError) return error;
  const isTimeout = isNamed(error, 'KafkaJSRequestTimeoutError');
  return new RetryableError(isTimeout ? 'timeout' : 'unavailable', `${what}: ${messageOf(error)}`, { cause: error });
}

export function outOfRange(place: string, error: unknown): FatalError {
  const text =
    `the next offset of ${place} is not in the log any more, or not yet: records were lost to this reader; ` +
    'see to what they fed, then set the offsets of the group';
  return new FatalError('offset-out-of-range', text, { cause: error });
}
