import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';

/** Where operators ask a gateway, and with which token. */
export interface OperatorApi {
  readonly http: string;
  readonly token: string;
}

/** The options of every command that asks a gateway as its operator. */
export interface OperatorOptions {
  http: string;
  data: string;
  secretFile?: string;
  tokenFile?: string;
}

const defaultHttp = 'http://127.0.0.1:8080';

export function withHttp(command: Command): Command {
  return command.option(
    '--http <url>',
    'address of fieldline up, or of the operations server of a gateway',
    defaultHttp,
  );
}

export function withToken(command: Command): Command {
  return command
    .option('--data <dir>', 'data directory of the gateway on this machine', './data')
    .option('--secret-file <file>', 'the device secret, if not in the data directory')
    .option('--token-file <file>', 'file with the token, on a machine without the secret');
}

/** The operator's token: from its file, or made from the secret of this machine. */
export async function tokenOf({ data, secretFile, tokenFile }: Omit<OperatorOptions, 'http'>): Promise<string> {
  if (tokenFile !== undefined) return (await readFile(tokenFile, 'utf8')).trim();
  const [{ loadSecret }, { operatorToken }] = await Promise.all([
    import('../gateway/broker/secret-file.js'),
    import('#core/runtime/operator-token.js'),
  ]);
  return operatorToken(await loadSecret(secretFile ?? join(data, 'secrets', 'device-secret'), { create: false }));
}

export async function apiOf(options: OperatorOptions): Promise<OperatorApi> {
  return { http: options.http, token: await tokenOf(options) };
}

/** The gateway said no; `status` is that of HTTP. */
export class AnsweredError extends Error {
  override readonly name = 'AnsweredError';
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** One request. Throws an Error that names the address and the next step, {@link AnsweredError} for a refusal. */
export async function askOperator<T>(api: OperatorApi, method: string, path: string, body?: Uint8Array): Promise<T> {
  const url = new URL(path, api.http);
  const headers = { Authorization: `Bearer ${api.token}` };
  const response = await fetch(url, { method, headers, ...(body && { body: Buffer.from(body) }) }).catch(
    (cause: unknown) => {
      throw new Error(`no answer from ${url.origin}: start the gateway first, or name its address with --http`, {
        cause,
      });
    },
  );
  const answer = (await response.json().catch(() => ({}))) as { error?: string };
  if (response.ok) return answer as T;
  const sentence = `${url.origin} answered ${response.status}: ${answer.error ?? response.statusText}`;
  throw new AnsweredError(response.status, sentence);
}
