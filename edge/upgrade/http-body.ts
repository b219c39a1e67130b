import { request as requestHttp, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as requestHttps } from 'node:https';
import { messageOf, RetryableError } from '#core/runtime/errors.js';
import { isUnknownAuthority } from '#core/runtime/unknown-authority.js';

export interface HttpRequest {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Authorities to believe beside those of the system, in PEM. */
  readonly ca?: readonly string[] | undefined;
  readonly signal: AbortSignal;
}

const maxRedirects = 5;
const redirects = new Set([301, 302, 303, 307, 308]);

/**
 * One GET, redirects followed; whoever calls reads the body or destroys it. An address with TLS leads to none without.
 * Throws RetryableError `unavailable`.
 */
export async function httpBody(wanted: HttpRequest): Promise<IncomingMessage> {
  let { url } = wanted;
  for (let followed = 0; ; followed += 1) {
    const answer = await ask({ ...wanted, url });
    if (!redirects.has(answer.statusCode ?? 0)) return answer;
    answer.destroy();
    const next = URL.canParse(answer.headers.location ?? '', url) ? new URL(answer.headers.location!, url) : undefined;
    if (followed === maxRedirects || !next || !isAllowed(url, next)) {
      throw new RetryableError('unavailable', `${url.href} leads to ${answer.headers.location ?? 'nowhere'}`);
    }
    url = next;
  }
}

function isAllowed(from: URL, to: URL): boolean {
  return to.protocol === 'https:' || (to.protocol === 'http:' && from.protocol === 'http:');
}

function ask({ url, headers, ca, signal }: HttpRequest): Promise<IncomingMessage> {
  const isSecure = url.protocol === 'https:';
  // A connection of its own: between two downloads lie months.
  const options: RequestOptions = { agent: false, headers, signal };
  return new Promise((resolve, reject) => {
    const request = isSecure
      ? requestHttps(url, { ...options, ...(ca && { ca: [...ca] }) })
      : requestHttp(url, options);
    request.once('response', resolve);
    request.once('error', (cause) => {
      reject(new RetryableError('unavailable', `${url.href}: ${reasonOf(cause)}`, { cause }));
    });
    request.end();
  });
}

function reasonOf(cause: Error): string {
  if (!isUnknownAuthority(cause)) return messageOf(cause);
  return 'its certificate is of an authority that this device does not know: see edge.gateway.caFile';
}
