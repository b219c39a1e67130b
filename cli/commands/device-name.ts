import { isName, type DeviceId } from '#core/contract/names.js';
import { UsageError } from '../fail.js';

/** The device of `<site>/<device>`. Throws UsageError. */
export function deviceNamed(text: string): DeviceId {
  const [site, device, rest] = text.split('/');
  if (!isName(site) || !isName(device) || rest !== undefined) throw new UsageError(`${text} is not <site>/<device>`);
  return { site, device };
}
