import { HttpError } from '@influxdata/influxdb-client';
import { FatalError, messageOf, RejectedError, RetryableError } from '#core/runtime/errors.js';

/** What was asked of the server, for the message of an error. */
export interface Asked {
  /** `write to bucket realtime` */
  readonly what: string;
  readonly url: string;
}

/**
 * What a failed request means for the caller: RetryableError `unavailable` while the server is away or overloaded,
 * FatalError `unauthorised` or `bad-config` where a person must act, RejectedError for what will never be taken.
 */
export function storeError(error: unknown, { what, url }: Asked): Error {
  if (isOurs(error)) return error;
  const options = { cause: error };
  const status = error instanceof HttpError ? error.statusCode : 0;
  const said = `InfluxDB at ${url} did not ${what}: ${status === 0 ? '' : `${status} `}${messageOf(error)}`;
  switch (status) {
    case 401:
    case 403:
      return new FatalError(
        'unauthorised',
        `${said}. Check the setting token: it must be an all-access token.`,
        options,
      );
    case 404:
      return new FatalError('bad-config', `${said}. Check the settings org and buckets.`, options);
    case 413:
      return new RejectedError('too-large', said, options);
    case 400:
    case 422:
      return new RejectedError('refused', said, options);
    default:
      return new RetryableError('unavailable', said, options);
  }
}

function isOurs(error: unknown): error is Error {
  return error instanceof RetryableError || error instanceof RejectedError || error instanceof FatalError;
}
