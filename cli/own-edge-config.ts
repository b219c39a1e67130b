import type { EdgeConfig } from '../edge/config.js';
import type { FieldlineConfig } from './config.js';
import { environment } from './environment.js';

/** The edge section as the agent wants it. */
export function ownEdgeConfig({ edge }: FieldlineConfig): EdgeConfig {
  const { enabled: _enabled, device = environment.deviceName(), ...own } = edge;
  return { ...own, device };
}
