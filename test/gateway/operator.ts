import { Registry } from 'prom-client';
import { onTestFinished } from 'vitest';
import { silentLogger } from '../../core/runtime/logger.js';
import { operatorToken } from '../../core/runtime/operator-token.js';
import { OpsServer } from '../../core/runtime/ops-server.js';
import type { Gateway } from '../../gateway/main.js';
import { secret } from './harness.js';

export interface Answer {
  readonly status: number;
  readonly answer: Record<string, unknown>;
}

/** What an operator asks of a gateway over HTTP; a body is sent as JSON. The server ends with the test. */
export async function operatorOf(gateway: Pick<Gateway, 'door'>) {
  const options = { port: 0, registry: new Registry(), notReady: () => [], logger: silentLogger, door: gateway.door };
  const ops = new OpsServer(options);
  await ops.start();
  onTestFinished(() => ops.stop(100));
  return async (method: string, path: string, body?: unknown, token = operatorToken(secret)): Promise<Answer> => {
    const headers = { Authorization: `Bearer ${token}` };
    const content = body instanceof Uint8Array ? Buffer.from(body) : JSON.stringify(body);
    const sent = { method, headers, ...(body !== undefined && { body: content }) };
    const response = await fetch(`http://127.0.0.1:${ops.port}/api/v1${path}`, sent);
    return { status: response.status, answer: (await response.json()) as Record<string, unknown> };
  };
}
