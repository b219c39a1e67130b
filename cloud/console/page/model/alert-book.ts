import type { DeviceAlert } from '../api/types.js';

/** What an alert is about: its raise and its clearing share it. */
export function alertSubject({ site, device, sensor, rule }: DeviceAlert): string {
  return `${site}/${device}/${sensor}/${rule}`;
}

/** (site, device, sensor, rule, timeUs, state), as in every store. */
export function alertKey(alert: DeviceAlert): string {
  return `${alertSubject(alert)}/${alert.timeUs}/${alert.state}`;
}

const severities = { critical: 0, warning: 1, info: 2 } as const;

/** The newest alerts that the console knows of, each once, and which of them still stand. */
export class AlertBook {
  private alerts: DeviceAlert[] = [];
  private readonly known = new Set<string>();

  constructor(private readonly capacity = 2000) {}

  /** Takes alerts in any order; returns those that were not known. */
  add(alerts: readonly DeviceAlert[]): DeviceAlert[] {
    const fresh = alerts.filter((alert) => {
      const key = alertKey(alert);
      return !this.known.has(key) && this.known.add(key);
    });
    if (fresh.length === 0) return fresh;
    this.alerts = [...this.alerts, ...fresh].sort((a, b) => b.timeUs - a.timeUs);
    for (const dropped of this.alerts.splice(this.capacity)) this.known.delete(alertKey(dropped));
    return fresh;
  }

  /** Newest first. */
  history(): readonly DeviceAlert[] {
    return this.alerts;
  }

  /** The alerts whose newest word is `raised`: the severest first, then the newest. */
  raised(): DeviceAlert[] {
    const newest = new Map<string, DeviceAlert>();
    for (const alert of this.alerts) {
      const seen = newest.get(alertSubject(alert));
      // Raised and cleared in one microsecond: the clearing is the later word.
      if (!seen || (seen.timeUs === alert.timeUs && alert.state === 'cleared')) newest.set(alertSubject(alert), alert);
    }
    return [...newest.values()]
      .filter(({ state }) => state === 'raised')
      .sort((a, b) => severities[a.severity] - severities[b.severity] || b.timeUs - a.timeUs);
  }
}
