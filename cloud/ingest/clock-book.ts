import { ContractError } from '#core/contract/contract-error.js';
import { clockSchema } from '#core/contract/device-events.js';
import { deviceKey, type DeviceId } from '#core/contract/names.js';
import { resolvePack, type DecodedPack } from '#core/contract/pack.js';

/** What devices have told of their clocks: boot by boot, when the monotonic clock stood at 0. */
export class ClockBook {
  private readonly known = new Map<string, number>();

  get size(): number {
    return this.known.size;
  }

  /** Microseconds since the Unix epoch; undefined while the clock of that boot is not known. */
  offsetUs(device: DeviceId, boot: string): number | undefined {
    return this.known.get(`${deviceKey(device)}/${boot}`);
  }

  /**
   * Takes a clock as it stood in the log under its boot id; true if it was new or another than before. The newest counts,
   * for what is resolved from now on: what is stored already stays.
   * Throws {@link ContractError} `schema` if it is none: a guess must not place a reading.
   */
  add(device: DeviceId, boot: string, told: unknown): boolean {
    const parsed = clockSchema.safeParse(told);
    if (!parsed.success) throw new ContractError('schema', `clock ${boot}: ${parsed.error.issues[0]!.message}`);
    const { bootId, offsetUs } = parsed.data;
    if (bootId !== boot) throw new ContractError('schema', `clock ${boot} says that it is of ${bootId}`);
    const isNews = this.offsetUs(device, boot) !== offsetUs;
    this.known.set(`${deviceKey(device)}/${boot}`, offsetUs);
    return isNews;
  }
}

/** The pack with its true times; undefined while the clock of the pack's boot is not known. */
export function inTrueTime(pack: DecodedPack, clocks: ClockBook): DecodedPack | undefined {
  if (pack.boot === undefined) return pack;
  const offsetUs = clocks.offsetUs(pack, pack.boot);
  return offsetUs === undefined ? undefined : resolvePack(pack, offsetUs);
}
