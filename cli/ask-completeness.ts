import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Agent as HttpAgent, request as requestHttp, type RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { rootCertificates } from 'node:tls';
import { parseJson } from '#core/contract/alert.js';
import type { DeviceId } from '#core/contract/names.js';
import { completenessSinceSchema, type CompletenessSince, type PackMark } from '#core/contract/rollout.js';
import { FatalError, messageOf, RetryableError } from '#core/runtime/errors.js';
import { isUnknownAuthority } from '#core/runtime/unknown-authority.js';

/** The HTTP API of the cloud, as `gateway.rollout` names it. */
export interface CloudApi {
  readonly api: string;
  readonly caFile?: string | undefined;
  readonly authorizationFile?: string | undefined;
}

const patienceMs = 10_000;
const maxAnswerBytes = 64 * 1024;
/** As many as a rollout asks at once; between two looks the connections stay. */
const connections = { keepAlive: true, maxSockets: 8 };

/**
 * Asks the HTTP API of the cloud, or the proxy before it, what the store has of a device; undefined while the cloud does not
 * know it. What is returned rejects with RetryableError `unavailable`, or `unauthorised`, and a sentence that says what to set.
 * Throws FatalError `bad-config` for a `caFile` that holds no certificate.
 */
export async function askCompleteness({ api, caFile, authorizationFile }: CloudApi) {
  const base = new URL(api);
  const agent =
    base.protocol === 'https:'
      ? new HttpsAgent({ ...connections, ...(caFile !== undefined && { ca: await authoritiesOf(caFile) }) })
      : new HttpAgent(connections);
  return async ({ site, device }: DeviceId, { epoch, seq }: PackMark): Promise<CompletenessSince | undefined> => {
    const url = new URL('/api/v1/completeness', base);
    for (const [name, value] of Object.entries({ site, device, epoch, since: `${seq}` }))
      if (value !== undefined) url.searchParams.set(name, value);
    const authorization = authorizationFile === undefined ? undefined : await wordOf(authorizationFile);
    const { status, body, isProblem } = await get(url, { agent, ...(authorization && { headers: { authorization } }) });
    // Any other page that is missing is none of the cloud.
    if (status === 404 && isProblem) return undefined;
    if (status !== 200) throw refusal(url, { status, body, isProblem });
    return parseJson(body, completenessSinceSchema, `the answer of ${url.origin}`);
  };
}

interface Answer {
  readonly status: number;
  readonly isProblem: boolean;
  readonly body: Buffer;
}

function get(url: URL, options: RequestOptions): Promise<Answer> {
  const request = url.protocol === 'https:' ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const failed = (cause: Error): void => reject(noAnswer(url, cause));
    const asked = request(url, { ...options, signal: AbortSignal.timeout(patienceMs) }, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        if ((bytes += chunk.byteLength) > maxAnswerBytes) response.destroy(new Error('its answer has no end'));
        else chunks.push(chunk);
      });
      response.once('error', failed);
      response.once('end', () => {
        const isProblem = response.headers['content-type']?.startsWith('application/problem+json') === true;
        resolve({ status: response.statusCode ?? 0, isProblem, body: Buffer.concat(chunks) });
      });
    });
    asked.once('error', failed);
    asked.end();
  });
}

/** Beside those of the system. */
async function authoritiesOf(caFile: string): Promise<string[]> {
  try {
    const own = await readFile(caFile, 'utf8');
    new X509Certificate(own);
    return [own, ...rootCertificates];
  } catch (cause) {
    throw new FatalError('bad-config', `no certificate in gateway.rollout.caFile ${caFile}: ${messageOf(cause)}`, {
      cause,
    });
  }
}

async function wordOf(file: string): Promise<string> {
  const word = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new RetryableError('unavailable', `gateway.rollout.authorizationFile cannot be read: ${messageOf(cause)}`, {
      cause,
    });
  });
  return word.trim();
}

function noAnswer({ origin }: URL, cause: Error): RetryableError {
  const why = isUnknownAuthority(cause)
    ? 'its certificate is of an authority that is not known here: set gateway.rollout.caFile'
    : `${messageOf(cause)}; gateway.rollout.api names it`;
  return new RetryableError('unavailable', `no answer from ${origin}: ${why}`, { cause });
}

function refusal({ origin, pathname }: URL, { status, isProblem, body }: Answer): RetryableError {
  if (!isProblem && (status === 401 || status === 403)) {
    const next = 'gateway.rollout.authorizationFile holds what it wants to be told';
    return new RetryableError('unauthorised', `${origin} answered ${status}: ${next}`);
  }
  const told = body.toString('utf8').slice(0, 300);
  return new RetryableError('unavailable', `${origin}${pathname} answered ${status}: ${told}`);
}
