const maxDevices = 100_000;

/** The session of each device's newest birth, as this gateway saw it; the device born longest ago is forgotten first. */
export class NewestBirths {
  private readonly sessions = new Map<string, string>();

  get(device: string): string | undefined {
    return this.sessions.get(device);
  }

  set(device: string, session: string): void {
    this.sessions.delete(device);
    this.sessions.set(device, session);
    if (this.sessions.size > maxDevices) this.sessions.delete(this.sessions.keys().next().value!);
  }
}
