import { FatalError } from '#core/runtime/errors.js';
import type { BootPartition } from '../boot-partition.js';
import { cloudInit } from './cloud-init.js';
import type { FirstBootFormat, FirstBootFormatName } from './first-boot.js';
import { firstrun } from './firstrun.js';
import { rpiPreseed } from './rpi-preseed.js';

/** In the order in which an image is asked; `firstrun` needs nothing but systemd, so it comes last. */
export const firstBoots = [rpiPreseed, cloudInit, firstrun] as const satisfies readonly FirstBootFormat[];

/** Throws FatalError `bad-config` where the image reads no format that is known. */
export function firstBootOf(boot: BootPartition, wanted: FirstBootFormatName | 'auto'): FirstBootFormat {
  const found = firstBoots.find((format) => (wanted === 'auto' ? format.detect(boot) : format.name === wanted));
  if (found !== undefined) return found;
  throw new FatalError(
    'bad-config',
    'this image tells nothing of how it wants to be told of its first boot: it has neither user-data nor a cmdline.txt with root=; give --format',
  );
}
