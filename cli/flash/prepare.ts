import { createHash, X509Certificate } from 'node:crypto';
import { parse } from 'yaml';
import { deviceKey } from '#core/contract/names.js';
import { FatalError, messageOf } from '#core/runtime/errors.js';
import { secretPaths } from '../../edge/desired-config/remote-schema.js';
import type { SystemSetup } from '../../edge/image/first-boot/first-boot.js';
import { wpaPsk } from '../../edge/image/first-boot/wpa-psk.js';
import { edgeYaml } from '../../edge/install/edge-yaml.js';
import { UsageError } from '../fail.js';
import type { DeviceInput } from './device-input.js';
import type { FileReader } from './file-reader.js';
import { identityPlan, type IdentityPlan, type IdentitySources } from './identity.js';
import type { SecretReader } from './secrets.js';
import { sha512Crypt } from './sha512-crypt.js';

/** One device, with everything that its options name read and checked. */
export interface PreparedDevice {
  readonly input: DeviceInput;
  readonly system: Omit<SystemSetup, 'instanceId'>;
  readonly edgeYaml: string;
  readonly ca: string | undefined;
  readonly identity: IdentityPlan;
  /** Sentences for a person: what may be meant, and may not. */
  readonly notes: readonly string[];
}

/** Throws UsageError, FatalError `bad-config` or ConfigError: for files that cannot be used. */
export async function prepareDevice(input: DeviceInput, sources: IdentitySources): Promise<PreparedDevice> {
  const { files, secrets } = sources;
  const identity = await identityPlan(input, sources);
  const ca = input.ca === undefined ? undefined : await authorityOf(input.ca, files);
  const { sensors: file, label, site, device, gateway } = input;
  const text = file === undefined ? undefined : await files.text('sensors', file);
  const yaml = edgeYaml({
    ...{ site, device, gateway, ca: ca !== undefined, identity: identity.kind, upgrade: true },
    ...(file !== undefined && text !== undefined && { sensors: { text, file } }),
    ...(label && { labels: label }),
  });
  return {
    input,
    system: await systemOf(input, files, secrets),
    edgeYaml: yaml,
    ca,
    identity,
    notes: [...notesOf(input, identity), ...secretNotes(file, text)],
  };
}

async function systemOf(
  input: DeviceInput,
  files: FileReader,
  secrets: SecretReader,
): Promise<PreparedDevice['system']> {
  const { user, address, router, dns, timezone } = input;
  const password = user === undefined ? undefined : await secrets.read('password-file', input['password-file']);
  const keys = input['ssh-key'] === undefined ? '' : await files.text('ssh-key', input['ssh-key']);
  const wifi = await wifiOf(input, secrets);
  const network = address && router ? { address, gateway: router, dns: dns ?? [router] } : undefined;
  return {
    hostname: hostnameOf(input),
    ...(user !== undefined && {
      user: { name: user, ...(password !== undefined && { passwordHash: hashOf(password, input) }) },
    }),
    sshKeys: sshKeys(keys, input['ssh-key']),
    ...(wifi && { wifi }),
    ...(network && { network }),
    ...(timezone !== undefined && { timezone }),
    enable: input.enable ?? [],
  };
}

async function wifiOf(input: DeviceInput, secrets: SecretReader): Promise<SystemSetup['wifi']> {
  const { 'wifi-ssid': ssid, 'wifi-country': country, 'wifi-hidden': hidden = false } = input;
  if (ssid === undefined || country === undefined) return undefined;
  const password = await secrets.read('wifi-password-file', input['wifi-password-file']);
  return { ssid, psk: wpaPsk(ssid, password!), country, hidden };
}

/** What the device is called in its network: a name of DNS, so its own with what is not allowed there as hyphens. */
function hostnameOf({ hostname, device }: DeviceInput): string {
  if (hostname !== undefined) return hostname;
  return device
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 63)
    .replaceAll(/^-+|-+$/g, '');
}

/**
 * A hash stays as it is. The salt of a password follows from the device's name: it must be another one for each device, not
 * a secret, and the same inputs are to give the same card.
 */
function hashOf(password: string, device: DeviceInput): string {
  if (/^\$[A-Za-z0-9]+\$[A-Za-z0-9./=,$_-]{8,200}$/.test(password)) return password;
  const salt = createHash('sha256')
    .update(`fieldline ${deviceKey(device)}`)
    .digest('hex')
    .slice(0, 16);
  return sha512Crypt(password, salt);
}

function sshKeys(text: string, file: string | undefined): string[] {
  if (/PRIVATE KEY-----/.test(text))
    throw new UsageError(`--ssh-key: ${file} is a private key; the one wanted ends with .pub`);
  const keys = text.split(/\r?\n/).filter((line) => line.trim() !== '' && !line.startsWith('#'));
  if (file !== undefined && keys.length === 0) throw new UsageError(`--ssh-key: ${file} holds no key`);
  return keys;
}

async function authorityOf(file: string, files: FileReader): Promise<string> {
  const pem = await files.text('ca', file);
  if (/PRIVATE KEY-----/.test(pem))
    throw new UsageError(`--ca: ${file} holds a private key, which belongs on no device`);
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new UsageError(`--ca: ${file} holds no certificate in PEM`);
  try {
    for (const block of blocks) new X509Certificate(block);
  } catch (cause) {
    throw new FatalError('bad-config', `--ca: ${file} holds a certificate that is none: ${messageOf(cause)}`, {
      cause,
    });
  }
  return pem;
}

/** The configuration stays on the card, where everybody who has it can read it. */
function secretNotes(file: string | undefined, text: string | undefined): string[] {
  const [path] = text === undefined ? [] : secretPaths(parse(text), []);
  if (path === undefined) return [];
  return [`${file}: ${path.join('.')} looks like a secret, and whoever has the card can read it`];
}

function notesOf(input: DeviceInput, { kind }: IdentityPlan): string[] {
  const isTls = input.gateway.startsWith('mqtts:');
  const host = new URL(input.gateway).hostname;
  const notes: readonly (readonly [boolean, string])[] = [
    [kind === undefined, 'it has nothing to show at the gateway, and is believed only by one with `auth: none`'],
    [isTls && input.ca === undefined, 'it trusts the authorities of its system: name that of the gateway with --ca'],
    [!isTls, 'what it sends can be read and changed on the way: mqtts:// prevents that'],
    [/^(localhost|127\.|\[::1\])/.test(host), `${host} is the device itself, not this machine`],
    [input.user === undefined, 'the image keeps its own logins: --user makes one'],
  ];
  return notes.filter(([is]) => is).map(([, note]) => `${deviceKey(input)}: ${note}`);
}
