import { isIPv4, isIPv6 } from 'node:net';
import { z } from 'zod';
import { nameSchema } from '#core/contract/names.js';
import type { DeviceOptionName, RawDevice } from './device-options.js';

const path = z.string().min(1);
const hostLabel = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i;
const interfaces = ['i2c', 'spi', 'serial', 'onewire'] as const;
const tokenOptions = ['enrol-token-file', 'token-file'] as const;
const labelName = /^[a-z][a-z0-9_]{0,31}$/;

const ip = z.string().refine((text) => isIPv4(text) || isIPv6(text), 'is no IP address');
const cidr = z.string().refine(isCidr, 'is no address with its prefix, as 10.0.0.7/24');
const list = z.string().transform((text) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== ''),
);
const yes = z.stringbool({ error: 'is yes or no' });

const shape = {
  site: nameSchema,
  device: nameSchema,
  hostname: z.string().regex(hostLabel, 'a host name has at most 63 of A-Z a-z 0-9 and - inside').optional(),
  gateway: z.url({ protocol: /^mqtts?$/, error: 'is no address as mqtts://host:8883' }).refine(isBareUrl, {
    message: 'takes no password or path: give --token-file or --enrol-token-file',
  }),
  ca: path.optional(),
  'wifi-ssid': z
    .string()
    .refine((ssid) => Buffer.byteLength(ssid) >= 1 && Buffer.byteLength(ssid) <= 32, 'has 1 to 32 bytes')
    .optional(),
  'wifi-password-file': path.optional(),
  'wifi-country': z
    .string()
    .regex(/^[A-Z]{2}$/, 'is a country in two capitals, as DE')
    .optional(),
  'wifi-hidden': yes.optional(),
  address: cidr.optional(),
  router: ip.optional(),
  dns: list.pipe(z.array(ip).min(1)).optional(),
  user: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,30}$/, 'a login has a-z 0-9 - and begins with a letter')
    .refine((user) => user !== 'root' && user !== 'fieldline', 'is a login of the system')
    .optional(),
  'password-file': path.optional(),
  'ssh-key': path.optional(),
  timezone: z.string().refine(isTimeZone, 'is no time zone, as Europe/Berlin').optional(),
  enable: list.pipe(z.array(z.enum(interfaces, { error: `is one of ${interfaces.join(', ')}` }))).optional(),
  sensors: path.optional(),
  label: list
    .pipe(z.array(z.string().regex(/^[^=]+=.+$/, 'is not name=value')))
    .transform((labels) => Object.fromEntries(labels.map(nameAndValue)))
    .refine((labels) => Object.keys(labels).every((name) => labelName.test(name)), 'a label is named a-z 0-9 _')
    .refine((labels) => Object.values(labels).every((value) => value.length <= 128), 'has at most 128 characters')
    .optional(),
  'enrol-token-file': path.optional(),
  'token-file': path.optional(),
  cert: path.optional(),
  key: path.optional(),
} satisfies Record<DeviceOptionName, z.ZodType>;

const schema = z.strictObject(shape);
/** What was said of one device, each value checked by itself and against the others; files are not read yet. */
export type DeviceInput = z.output<typeof schema>;

/** What is true of all devices of a run. */
export interface InputContext {
  /** Secrets that the environment holds, by the option that they stand for. */
  readonly hasSecret: (option: string) => boolean;
  /** Whether the run itself makes an identity for each device. */
  readonly makesIdentity: boolean;
  readonly insecure: boolean;
}

export interface InputFault {
  readonly option: string;
  readonly message: string;
}

/** The device, or everything that is wrong with what was said of it. */
export function parseDevice(raw: RawDevice, context: InputContext): DeviceInput | readonly InputFault[] {
  const result = schema.safeParse(raw);
  if (result.success) {
    const faults = crossFaults(result.data, context);
    return faults.length > 0 ? faults : result.data;
  }
  return result.error.issues.map(({ path: [option = ''], message }) => {
    const isMissing = raw[option as DeviceOptionName] === undefined;
    return { option: String(option), message: isMissing ? 'is missing' : message };
  });
}

export function isFaults(result: DeviceInput | readonly InputFault[]): result is readonly InputFault[] {
  return Array.isArray(result);
}

/** Rules that take more than one option: whether it is broken, where, and what it says. */
function crossFaults(input: DeviceInput, context: InputContext): InputFault[] {
  const has = (option: DeviceOptionName) => input[option] !== undefined;
  const secret = (option: DeviceOptionName) => has(option) || context.hasSecret(option);
  const identities = identitiesOf(input, context);
  const isPlain = input.gateway.startsWith('mqtt:');
  const rules: readonly (readonly [boolean, DeviceOptionName, string])[] = [
    [has('wifi-ssid') && !secret('wifi-password-file'), 'wifi-password-file', 'is missing: --wifi-ssid takes it'],
    [has('wifi-ssid') && !has('wifi-country'), 'wifi-country', 'is missing: Wi-Fi stays off without it'],
    [!has('wifi-ssid') && has('wifi-password-file'), 'wifi-ssid', 'is missing: there is a password of a Wi-Fi'],
    [has('address') && !has('router'), 'router', 'is missing: --address takes it'],
    [!has('address') && (has('router') || has('dns')), 'address', 'is missing: --router and --dns go with it'],
    [!isReachable(input), 'router', `${input.router} is not in the network of ${input.address}`],
    [has('password-file') && !has('user'), 'user', 'is missing: whose password is it?'],
    [has('ssh-key') && !has('user'), 'user', 'is missing: whose login do the keys open?'],
    [has('user') && !has('ssh-key') && !secret('password-file'), 'ssh-key', 'is missing: nothing opens the login'],
    [has('cert') !== has('key'), has('cert') ? 'key' : 'cert', 'is missing: --cert and --key go together'],
    [identities.length > 1, 'gateway', `one identity is enough; given are ${identities.join(', ')}`],
    [isPlain && has('ca'), 'ca', 'is of use with mqtts:// only'],
    [isPlain && has('cert'), 'cert', 'is of use with mqtts:// only'],
    [isPlain && secret('enrol-token-file'), 'enrol-token-file', 'goes over mqtts:// only'],
    [
      isPlain && secret('token-file') && !context.insecure,
      'gateway',
      'would send the token in the clear: use mqtts://, or say --insecure for a trial',
    ],
  ];
  return rules.filter(([broken]) => broken).map(([, option, message]) => ({ option, message }));
}

/** The kinds of identity that are given; the environment counts where nothing else was said. */
function identitiesOf(input: DeviceInput, { hasSecret, makesIdentity }: InputContext): string[] {
  const said = [
    ...tokenOptions.filter((option) => input[option] !== undefined).map((option) => `--${option}`),
    ...(input.cert === undefined ? [] : ['--cert']),
    ...(makesIdentity ? ['--sign-with or --api'] : []),
  ];
  return said.length > 0 ? said : tokenOptions.filter(hasSecret).map((option) => `the environment’s ${option}`);
}

function isCidr(text: string): boolean {
  const [address = '', prefix = '', rest] = text.split('/');
  const max = isIPv4(address) ? 32 : isIPv6(address) ? 128 : 0;
  return rest === undefined && /^\d{1,3}$/.test(prefix) && Number(prefix) >= 1 && Number(prefix) <= max;
}

/** A router outside the network is a board that nobody reaches any more. */
function isReachable({ address, router }: DeviceInput): boolean {
  if (address === undefined || router === undefined || !isIPv4(router)) return true;
  const [own = '', prefix] = address.split('/');
  if (!isIPv4(own)) return true;
  const shift = 2 ** (32 - Number(prefix));
  return Math.floor(numberOf(own) / shift) === Math.floor(numberOf(router) / shift);
}

function numberOf(ipv4: string): number {
  return ipv4.split('.').reduce((number, part) => number * 256 + Number(part), 0);
}

function isBareUrl(text: string): boolean {
  const { username, password, pathname, search, hash } = new URL(text);
  return [username, password, search, hash].every((part) => part === '') && (pathname === '' || pathname === '/');
}

function isTimeZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return /^[A-Za-z]/.test(zone);
  } catch {
    return false;
  }
}

function nameAndValue(label: string): [string, string] {
  const at = label.indexOf('=');
  return [label.slice(0, at), label.slice(at + 1)];
}
