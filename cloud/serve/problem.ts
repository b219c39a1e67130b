import { RetryableError } from '#core/runtime/errors.js';

/** One bad parameter of a request. */
export interface ParameterFault {
  readonly parameter: string;
  readonly detail: string;
}

/** What went wrong with a request, of a closed list: the last part of a problem's `type`. */
export const problemTitles = {
  'bad-parameter': 'A parameter cannot be understood',
  'range-too-large': 'The range holds more than one answer may',
  'forbidden-host': 'The Host header does not name this server',
  'forbidden-origin': 'The Origin header does not name this server',
  'method-not-allowed': 'Only GET and HEAD are answered',
  'not-found': 'There is nothing here',
  'too-many-requests': 'Too many such requests are being answered',
  unavailable: 'What this needs is away',
  internal: 'The server failed',
} as const;
export type ProblemCode = keyof typeof problemTitles;

/** A request that gets a problem as its answer (RFC 9457). */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  constructor(
    readonly status: number,
    readonly code: ProblemCode,
    readonly detail: string,
    readonly errors?: readonly ParameterFault[],
    options?: ErrorOptions,
  ) {
    super(detail, options);
  }
}

/** What a caller may know of a failure; the rest is for the log. */
export function problemOf(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error;
  if (error instanceof RetryableError) {
    return new ProblemError(503, 'unavailable', `${error.message}; try again.`, undefined, { cause: error });
  }
  return new ProblemError(500, 'internal', 'The request failed; the log of the server says why.', undefined, {
    cause: error,
  });
}

/** The answer to a request for `instance`, a path. */
export function problemResponse(problem: ProblemError, instance: string): Response {
  const { status, code, detail, errors } = problem;
  const type = `urn:fieldline:problem:${code}`;
  const body = { type, title: problemTitles[code], status, detail, instance, ...(errors && { errors }) };
  const headers: Record<string, string> = { 'Content-Type': 'application/problem+json', 'Cache-Control': 'no-store' };
  if (status === 405) headers.Allow = 'GET, HEAD';
  if (status === 503) headers['Retry-After'] = '2';
  return new Response(JSON.stringify(body), { status, headers });
}
