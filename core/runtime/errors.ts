/**
 * Errors say what the caller must do. Branch on the class or the code, never on the text.
 * Every code is one of a closed list, so that it can be a metric label.
 */
export type ErrorCode =
  | 'unavailable'
  | 'busy'
  | 'timeout'
  | 'disk-full'
  | 'over-budget'
  | 'stopped'
  | 'too-large'
  | 'refused'
  | 'corrupt'
  | 'locked'
  | 'port-in-use'
  | 'bad-config'
  | 'bad-data-format'
  | 'offset-out-of-range'
  | 'unauthorised';

abstract class CodedError extends Error {
  constructor(
    readonly code: ErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Nothing is lost and the same call may succeed later: try again with back-off. */
export class RetryableError extends CodedError {
  override readonly name = 'RetryableError';
}

/** The same call will never succeed: set the item aside with a reason, and go on with the others. */
export class RejectedError extends CodedError {
  override readonly name = 'RejectedError';
}

/** The part cannot go on: stop it and tell a person. The message names the thing, the place and the next step. */
export class FatalError extends CodedError {
  override readonly name = 'FatalError';
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The system's error code, such as `ENOSPC`, of an error or of its cause. */
export function systemCode(error: unknown): string | undefined {
  for (let e = error; e instanceof Error; e = e.cause) {
    const code = (e as NodeJS.ErrnoException).code;
    if (typeof code === 'string') return code;
  }
  return undefined;
}
