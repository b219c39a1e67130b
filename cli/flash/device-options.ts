import { Option, type Command } from 'commander';

/** One thing that may be said of a device: by its option for all of them, by the column of its name for one in a batch. */
export interface DeviceOption {
  readonly name: string;
  /** What stands for its value in the help; none: it is said by being there, or as `yes` in a column. */
  readonly value?: string;
  readonly description: string;
}

export const deviceOptions = [
  { name: 'site', value: '<site>', description: 'site that the device belongs to' },
  { name: 'device', value: '<device>', description: 'name of the device, unique within its site' },
  { name: 'hostname', value: '<name>', description: 'what it is called in its network (default: made of its name)' },
  { name: 'gateway', value: '<url>', description: 'address of the gateway, mqtts://host:port' },
  { name: 'ca', value: '<file>', description: 'PEM of the authority of the gateway (default: those of the system)' },
  { name: 'wifi-ssid', value: '<ssid>', description: 'name of the Wi-Fi; also takes the two below' },
  {
    name: 'wifi-password-file',
    value: '<file>',
    description: 'its password, or - for standard input (or $FIELDLINE_WIFI_PASSWORD); kept as its PSK',
  },
  { name: 'wifi-country', value: '<code>', description: 'where it stands, as DE: Wi-Fi is off until that is known' },
  { name: 'wifi-hidden', description: 'the Wi-Fi does not tell its name' },
  { name: 'address', value: '<ip/prefix>', description: 'a static address, as 10.0.0.7/24 (default: DHCP)' },
  { name: 'router', value: '<ip>', description: 'with --address: the way out' },
  { name: 'dns', value: '<ip,…>', description: 'with --address: name servers (default: the router)' },
  { name: 'user', value: '<name>', description: 'login of a person' },
  {
    name: 'password-file',
    value: '<file>',
    description: 'password of the login or its crypt(3) hash, or - (or $FIELDLINE_USER_PASSWORD); kept as a hash',
  },
  { name: 'ssh-key', value: '<file>', description: 'public keys that open the login by ssh, one a line' },
  { name: 'timezone', value: '<zone>', description: 'as Europe/Berlin' },
  { name: 'enable', value: '<list>', description: 'interfaces to switch on: i2c,spi,serial,onewire' },
  {
    name: 'sensors',
    value: '<file>',
    description: 'YAML with any of sensors, channels, pack, uplink; see docs/edge.md',
  },
  {
    name: 'label',
    value: '<name=value,…>',
    description: 'labels of all its sensors; in a batch also columns label:<name>',
  },
  {
    name: 'enrol-token-file',
    value: '<file>',
    description: 'enrolment token, or - (or $FIELDLINE_ENROL_TOKEN): the device makes its own key at first contact',
  },
  { name: 'token-file', value: '<file>', description: 'token of the device, or - (or $FIELDLINE_DEVICE_TOKEN)' },
  { name: 'cert', value: '<file>', description: 'certificate of the device in PEM' },
  { name: 'key', value: '<file>', description: 'its private key in PEM' },
] as const satisfies readonly DeviceOption[];

export type DeviceOptionName = (typeof deviceOptions)[number]['name'];

/** What was said of one device, by the names of the options, before it is checked. */
export type RawDevice = Readonly<Partial<Record<DeviceOptionName, string>>>;

/** Secrets that people may try to say as an argument, and the option that takes them. */
const spokenSecrets = {
  'wifi-password': 'wifi-password-file',
  password: 'password-file',
  'password-hash': 'password-file',
  'enrol-token': 'enrol-token-file',
  token: 'token-file',
  'operator-token': 'operator-token-file',
} as const;

export function addDeviceOptions(command: Command): Command {
  for (const option of deviceOptions) {
    const { name, description } = option;
    command.option('value' in option ? `--${name} ${option.value}` : `--${name}`, description);
  }
  for (const name of Object.keys(spokenSecrets)) command.addOption(new Option(`--${name} <secret>`).hideHelp());
  return command;
}

/** What the command line says of devices. */
export function rawDevice(options: Readonly<Record<string, unknown>>): RawDevice {
  const said = deviceOptions.flatMap(({ name }) => {
    const value = options[camelCase(name)];
    return value === undefined ? [] : [[name, value === true ? 'yes' : String(value)]];
  });
  return Object.fromEntries(said) as RawDevice;
}

/** Why a secret may not be said so, for each that was; `names` are options or columns. */
export function refusedSecrets(names: readonly string[], isColumn: boolean): string[] {
  return names
    .filter((name): name is keyof typeof spokenSecrets => Object.hasOwn(spokenSecrets, name))
    .map((name) =>
      isColumn
        ? `column ${name}: a table with secrets in it is soon in the wrong hands; put each into a file of its own and name it in a column ${spokenSecrets[name]}`
        : `--${name}: every user of this machine can read arguments (ps), and the shell keeps them; put it into a file for --${spokenSecrets[name]}, where - is standard input`,
    );
}

/** The secrets that stand in the arguments themselves. */
export function spokenIn(options: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(spokenSecrets).filter((name) => options[camelCase(name)] !== undefined);
}

function camelCase(name: string): string {
  return name.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
