import type { DoorAnswer } from '../../../core/runtime/http-door.js';
import { operatorToken } from '../../../core/runtime/operator-token.js';
import { secret, type TestGateway } from '../harness.js';

/** Asks the gateway's door as its operator, from an address of its own. */
export async function ask(
  { gateway }: TestGateway,
  method: string,
  path: string,
  body?: object,
  authorization = `Bearer ${operatorToken(secret)}`,
): Promise<DoorAnswer> {
  const url = new URL(`/api/v1/${path}`, 'http://localhost');
  if (!gateway.door.opens(url.pathname)) return { status: 404, body: {} };
  const bytes = body === undefined ? new Uint8Array() : Buffer.from(JSON.stringify(body));
  return gateway.door.answer({ method, url, authorization, address: '192.0.2.7', body: bytes });
}

/** A token that was just issued. */
export async function issue(test: TestGateway, owner: string): Promise<{ id: string; token: string }> {
  const { status, body } = await ask(test, 'POST', `${pathOf(owner)}/credentials`);
  if (status !== 201) throw new Error(JSON.stringify(body));
  return body as { id: string; token: string };
}

export function pathOf(owner: string): string {
  return owner.includes('/') ? `devices/${owner}` : `clients/${owner}`;
}
