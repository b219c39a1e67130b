import { hostname } from 'node:os';

/** Where one of several processes behind a port finds its number. */
export const processNumberVariable = 'FIELDLINE_PROCESS';

/** The only place that reads the environment of the process. */
export const environment = {
  /** The host's name as a device name: what is not allowed in one becomes a dash. */
  deviceName: (): string =>
    hostname()
      .replaceAll(/[^A-Za-z0-9_.:-]/g, '-')
      .replace(/^[^A-Za-z0-9]+/, '')
      .slice(0, 64) || 'device',
  /** The InfluxDB token, where the configuration names none. */
  influxToken: (): string | undefined => process.env['FIELDLINE_INFLUX_TOKEN'],
  /** The device's password, where the configuration names none. */
  devicePassword: (): string | undefined => process.env['FIELDLINE_DEVICE_PASSWORD'],
  /** Which of several processes behind one port this is, from 1. */
  processNumber: (): number | undefined => Number(process.env[processNumberVariable]) || undefined,
} as const;
