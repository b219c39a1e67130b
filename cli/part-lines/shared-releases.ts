import { join } from 'node:path';
import type { FieldlineConfig } from '../config.js';

/** What the gateways behind one port do with releases: they have one folder, beside the data of each. */
export function sharedReleases({ data, gateway }: FieldlineConfig) {
  return { directory: join(data, 'gateway', 'releases'), ...gateway.releases };
}
