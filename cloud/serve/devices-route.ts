import { z } from 'zod';
import { nameSchema } from '#core/contract/names.js';
import { RetryableError } from '#core/runtime/errors.js';
import { answerJson, queryOf, type ApiContext, type Route } from './api-context.js';
import { viewDevice } from './device-view.js';
import type { Ledger } from './ledger-cache.js';
import { parseParameters } from './parameters.js';

const parameters = z.object({ site: nameSchema.optional() });

/** `GET /api/v1/devices` */
export function devicesRoute(api: ApiContext): Route {
  return async (c) => {
    const { site } = parseParameters(parameters, queryOf(c));
    const ledger = await presentLedger(api);
    const devices = api.fleet
      .devices()
      .filter((device) => site === undefined || device.id.site === site)
      .map((device) => viewDevice(device, api.fleet, ledger))
      .sort((a, b) => compare(a.site, b.site) || compare(a.device, b.device));
    return answerJson({ devices });
  };
}

/** Undefined while the store is away: the devices are shown without what only the store knows. */
export async function presentLedger({ ledger }: ApiContext): Promise<Ledger | undefined> {
  return ledger.get().catch((error: unknown) => {
    if (error instanceof RetryableError) return undefined;
    throw error;
  });
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
