import { messageOf, RetryableError, type ErrorCode } from '#core/runtime/errors.js';

export interface TextRequest {
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly headers: Headers;
  readonly body: string | undefined;
  readonly maxBytes: number;
  /** Its reason is thrown as it is. */
  readonly signal: AbortSignal;
}

const maxRedirects = 5;

/**
 * The text of a 2xx answer. Throws RetryableError: `unavailable` without an answer or for a 5xx, `unauthorised` for 401 and
 * 403, `refused` for other statuses and for redirects that are not followed, `too-large` for more than `maxBytes`.
 * Headers and bodies of the configuration may be secrets, so a request that has some is redirected within its host only.
 */
export async function fetchText(request: TextRequest): Promise<string> {
  let { url, method, body } = request;
  for (let redirects = 0; redirects <= maxRedirects; redirects += 1) {
    const response = await ask(request, url, method, body);
    const location = response.headers.get('location');
    if (response.status < 300 || response.status > 399 || location === null) return textOf(response, url, request);
    await response.body?.cancel();
    url = redirected(url, location, request);
    // As browsers do: only 307 and 308 keep the method.
    if (response.status !== 307 && response.status !== 308) [method, body] = ['GET', undefined];
  }
  throw new RetryableError('refused', `${place(request.url)}: more than ${maxRedirects} redirects`);
}

async function ask(request: TextRequest, url: string, method: string, body: string | undefined): Promise<Response> {
  const { headers, signal } = request;
  try {
    return await fetch(url, { method, headers, signal, redirect: 'manual', ...(body !== undefined && { body }) });
  } catch (error) {
    throw unavailable(error, url, signal);
  }
}

async function textOf(response: Response, url: string, { maxBytes, signal }: TextRequest): Promise<string> {
  const { status, headers, body } = response;
  if (status < 200 || status > 299) {
    await body?.cancel();
    throw new RetryableError(codeOf(status), `${place(url)}: status ${status} ${response.statusText}`.trimEnd());
  }
  const tooLarge = new RetryableError('too-large', `${place(url)}: more than ${maxBytes} bytes`);
  if (Number(headers.get('content-length') ?? 0) > maxBytes) {
    await body?.cancel();
    throw tooLarge;
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body ?? []) {
      bytes += chunk.byteLength;
      // Leaving the loop cancels the body.
      if (bytes > maxBytes) throw tooLarge;
      chunks.push(chunk);
    }
  } catch (error) {
    throw error === tooLarge ? tooLarge : unavailable(error, url, signal);
  }
  return Buffer.concat(chunks).toString();
}

function redirected(from: string, location: string, { url, headers, body }: TextRequest): string {
  const target = URL.canParse(location, from) ? new URL(location, from) : undefined;
  if (!target || !/^https?:$/.test(target.protocol))
    throw new RetryableError('refused', `${place(from)}: a redirect to nowhere`);
  const first = new URL(url);
  const isSafer = target.hostname === first.hostname && first.protocol === 'http:' && target.protocol === 'https:';
  const hasSecrets = body !== undefined || [...headers.keys()].length > 0;
  if (hasSecrets && target.origin !== first.origin && !isSafer) {
    throw new RetryableError('refused', `${place(from)}: redirects to ${target.origin}, which may not see its headers`);
  }
  return target.href;
}

function codeOf(status: number): ErrorCode {
  if (status === 401 || status === 403) return 'unauthorised';
  return status >= 500 || status === 429 ? 'unavailable' : 'refused';
}

function unavailable(error: unknown, url: string, signal: AbortSignal): Error {
  if (signal.aborted) return signal.reason as Error;
  // fetch itself says no more than that it failed.
  const { cause } = error as { readonly cause?: unknown };
  const reason = cause instanceof Error ? messageOf(cause) || cause.name : messageOf(error);
  return new RetryableError('unavailable', `${place(url)}: ${reason}`, { cause: error });
}

/** Without the query, which may hold a key. */
function place(url: string): string {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}
