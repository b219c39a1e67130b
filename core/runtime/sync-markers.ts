/** Files by which time servers tell that they have set the system's clock: systemd-timesyncd, and chronyd's drift files. */
export const defaultSyncMarkers: readonly string[] = [
  '/run/systemd/timesync/synchronized',
  '/var/lib/chrony/chrony.drift',
  '/var/lib/chrony/drift',
];
