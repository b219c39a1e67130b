import { catalogueHash } from '../../core/contract/catalogue.js';
import { deviceEventKey } from '../../core/contract/device-events.js';
import type { DeviceId } from '../../core/contract/names.js';
import type { LogRecord } from '../../core/log/log.js';
import { testCatalogue, testEpoch } from '../support/packs.js';

/** The birth of a device of our own, as it stands in the log. */
export function birthOf(device: DeviceId): LogRecord {
  const catalogue = testCatalogue(['temp'], device.site, device.device);
  const outbox = { epoch: testEpoch, lastSeq: 0, oldestHeld: 0, timeUs: 1_790_000_000_000_000 };
  const birth = {
    type: 'birth',
    session: 'a'.repeat(16),
    ...outbox,
    catalogueHash: catalogueHash(catalogue),
    catalogue,
  };
  return { key: deviceEventKey(device, 'birth'), value: Buffer.from(JSON.stringify({ ...birth, version: '1.0.0' })) };
}
