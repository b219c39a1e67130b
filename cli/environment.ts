import { hostname } from 'node:os';

/** Where one of several processes behind a port finds its number. */
export const processNumberVariable = 'FIELDLINE_PROCESS';

const flashVariables: ReadonlyMap<string, string> = new Map([
  ['wifi-password-file', 'FIELDLINE_WIFI_PASSWORD'],
  ['password-file', 'FIELDLINE_USER_PASSWORD'],
  ['enrol-token-file', 'FIELDLINE_ENROL_TOKEN'],
  ['token-file', 'FIELDLINE_DEVICE_TOKEN'],
  ['operator-token-file', 'FIELDLINE_OPERATOR_TOKEN'],
]);

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
  /** Secrets of `fieldline flash`, by the options that they stand in for. */
  flashSecret: (option: string): string | undefined => {
    const name = flashVariables.get(option);
    return name === undefined ? undefined : process.env[name] || undefined;
  },
  /** The time of reproducible builds, https://reproducible-builds.org/specs/source-date-epoch/, in microseconds. */
  sourceDateUs: (): number | undefined => Number(process.env['SOURCE_DATE_EPOCH']) * 1e6 || undefined,
  /** Which of several processes behind one port this is, from 1. */
  processNumber: (): number | undefined => Number(process.env[processNumberVariable]) || undefined,
} as const;
