/** A server is not on this machine and cannot be put there; the message says what is missing and how to get it. */
export class MissingServerError extends Error {
  override readonly name = 'MissingServerError';

  constructor(
    readonly server: string,
    readonly missing: string,
    readonly howToGet: string,
    cause?: unknown,
  ) {
    super(`${server}: ${missing}\n  how to get it: ${howToGet}`, { cause });
  }
}

/** Whether a missing server is a failure: in continuous integration it is, on a laptop tests may be skipped. */
export const mustHaveServers = (env: NodeJS.ProcessEnv = process.env): boolean =>
  !['', '0', 'false', undefined].includes(env.CI);

/**
 * The decision about a server that is missing: rethrows in continuous integration, else says on stderr, framed so
 * that nobody overlooks it, which tests do not run, why, and how to get the server.
 */
export function skipOrThrow(error: unknown, env: NodeJS.ProcessEnv = process.env): void {
  if (!(error instanceof MissingServerError) || mustHaveServers(env)) throw error;
  const frame = '!'.repeat(100);
  const because = error.cause === undefined ? '' : `\n  because: ${String(error.cause)}`;
  process.stderr.write(
    `\n${frame}\n SKIPPED: tests with a real ${error.server}\n ${error.message}${because}\n${frame}\n\n`,
  );
}
