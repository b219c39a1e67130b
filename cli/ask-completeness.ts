import type { CompletenessSince, PackMark } from '../cloud/serve/completeness-since.js';
import type { DeviceId } from '#core/contract/names.js';
import { ApiClient } from '#core/runtime/api-client.js';

/** Asks the HTTP API of the cloud what the store has of a device; rejects while it does not answer. */
export function askCompleteness(baseUrl: string) {
  const api = new ApiClient(baseUrl);
  return ({ site, device }: DeviceId, { epoch, seq }: PackMark): Promise<CompletenessSince> =>
    api.json<CompletenessSince>('/api/v1/completeness', { site, device, epoch, since: seq });
}
