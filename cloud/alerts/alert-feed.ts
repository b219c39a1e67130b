import type { AlertPack, DeviceAlert } from '#core/contract/alert.js';

/** (site, device, sensor, rule, timeUs, state), as in every store. */
export function alertIdentity({ site, device, sensor, rule, timeUs, state }: DeviceAlert): string {
  return `${site}/${device}/${sensor}/${rule}/${timeUs}/${state}`;
}

/** The alerts of a pack, each with the device that spoke. */
export function deviceAlerts({ site, device, alerts }: AlertPack): DeviceAlert[] {
  return alerts.map((alert) => ({ ...alert, site, device }));
}

/**
 * Hands alerts to live listeners, each once: a pack that comes again, by a resend or from a log that holds it twice,
 * tells nobody anything new. It remembers the newest `remembered` identities; the store knows them all.
 */
export class AlertFeed {
  private readonly seen = new Set<string>();
  private readonly listeners = new Set<(alert: DeviceAlert) => void>();

  constructor(private readonly remembered = 10_000) {}

  /** Tells the listeners of those that are new, and returns them. */
  offer(alerts: readonly DeviceAlert[]): DeviceAlert[] {
    const fresh = alerts.filter((alert) => this.remember(alertIdentity(alert)));
    for (const alert of fresh) for (const listener of this.listeners) listener(alert);
    return fresh;
  }

  /** Calls back for each new alert, until the returned function is called. */
  onAlert(listener: (alert: DeviceAlert) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private remember(identity: string): boolean {
    if (this.seen.has(identity)) return false;
    this.seen.add(identity);
    if (this.seen.size > this.remembered) this.seen.delete(this.seen.values().next().value!);
    return true;
  }
}
