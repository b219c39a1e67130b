/** The usual names of the store's buckets. */
export const buckets = {
  realtime: 'realtime',
  '1h': 'downsampled_1h',
  alerts: 'alerts',
  state: 'fieldline_state',
} as const;

/** The datasource that `grafana/provisioning` sets up. */
export const datasource = { type: 'influxdb', uid: 'fieldline-influxdb' } as const;
