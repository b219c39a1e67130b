import type { Registry } from 'prom-client';
import { systemClock as clock } from '#core/runtime/clock.js';
import { loadSecret } from '../../gateway/broker/secret-file.js';
import { openParts } from '../../gateway/releases/open-releases.js';
import { deviceSecretFile } from '../commands/common.js';
import type { FieldlineConfig } from '../config.js';
import { sharedReleases } from '../part-lines/shared-releases.js';
import type { OwnDoor } from './pool-ops.js';

/** Carries parts of releases into the folder of the gateways behind the port, and out of it. */
export async function releaseParts(config: FieldlineConfig): Promise<(registry: Registry) => OwnDoor> {
  const secret = await loadSecret(deviceSecretFile(config), { create: true });
  return (registry) => openParts({ config: sharedReleases(config), registry, secret, clock }).door;
}
