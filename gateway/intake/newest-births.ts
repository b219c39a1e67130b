const maxDevices = 100_000;

interface Known {
  /** Born at this gateway, and not yet read from the log. */
  pending?: string | undefined;
  /** The newest in the log, and where it stands there: births of one device are all in one partition. */
  logged?: string;
  offset: number;
}

/**
 * The session of each device's newest birth, at this gateway or, as the log tells, at another; the device born longest
 * ago is forgotten first.
 */
export class NewestBirths {
  private readonly devices = new Map<string, Known>();

  get(device: string): string | undefined {
    const known = this.devices.get(device);
    return known?.pending ?? known?.logged;
  }

  /** A birth came here: what the log still tells of others is older. */
  set(device: string, session: string): void {
    this.of(device).pending = session;
  }

  /** The log tells a birth; false if it did before, as when it is read again from its beginning. */
  learn(device: string, session: string, offset: number): boolean {
    const known = this.of(device);
    if (offset <= known.offset) return false;
    if (known.pending === session) known.pending = undefined;
    known.logged = session;
    known.offset = offset;
    return true;
  }

  private of(device: string): Known {
    const known = this.devices.get(device) ?? { offset: -1 };
    this.devices.delete(device);
    this.devices.set(device, known);
    if (this.devices.size > maxDevices) this.devices.delete(this.devices.keys().next().value!);
    return known;
  }
}
