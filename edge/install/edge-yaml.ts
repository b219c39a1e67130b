import { parseDocument, stringify } from 'yaml';
import { ConfigError, parseConfig } from '#core/runtime/config.js';
import { z } from 'zod';
import { edgeConfigSchema } from '../config.js';
import type { InstallIdentity } from './install-files.js';

/** Where the installer puts what `edge.yaml` names. */
export const devicePaths = {
  outbox: '/var/lib/fieldline/outbox',
  ca: '/etc/fieldline/ca.pem',
  releaseKey: '/etc/fieldline/release-key.pem',
  upgrade: '/var/lib/fieldline/upgrade',
  token: '/var/lib/fieldline/identity/token',
  enrolToken: '/var/lib/fieldline/identity/enrol-token',
  cert: '/var/lib/fieldline/identity/device.pem',
  key: '/var/lib/fieldline/identity/device-key.pem',
} as const;

export interface EdgeYamlOptions {
  readonly site: string;
  readonly device: string;
  /** `mqtts://host:8883` */
  readonly gateway: string;
  /** Whether the gateway's authority is laid beside it. */
  readonly ca: boolean;
  readonly identity: InstallIdentity['kind'] | undefined;
  /** Whether releases are taken from the gateway. */
  readonly upgrade: boolean;
  /** YAML text of a person: a list of sensors, or a mapping with what else of `edge:` it says (`sensors`, `channels`, `pack` …). */
  readonly sensors?: { readonly text: string; readonly file: string };
  /** Of every channel; those that the sensors' file gives to `*` go before them. */
  readonly labels?: Readonly<Record<string, string>>;
}

/**
 * The configuration of one device, checked as the agent will check it. Throws ConfigError, whose faults name the fields;
 * those of the sensors' file as they are there.
 */
export function edgeYaml(options: EdgeYamlOptions): string {
  const edge = labelled({ ...given(options.sensors), ...ours(options) }, options.labels ?? {});
  const text = `# Written by fieldline flash; change it at will, then: systemctl restart fieldline-edge\n${stringify({ edge })}`;
  parseConfig(z.strictObject({ edge: edgeConfigSchema }), text, 'edge.yaml');
  return text;
}

function given(sensors: EdgeYamlOptions['sensors']): Record<string, unknown> {
  if (sensors === undefined) return {};
  const value = parseSensors(sensors.text, sensors.file);
  const partial = edgeConfigSchema.partial().omit({ site: true, device: true, gateway: true, outbox: true });
  if (Array.isArray(value)) {
    parseConfig(z.strictObject({ sensors: partial.shape.sensors }), stringify({ sensors: value }), sensors.file);
    return { sensors: value };
  }
  parseConfig(partial, sensors.text, sensors.file);
  return value as Record<string, unknown>;
}

function labelled(edge: Record<string, unknown>, labels: Readonly<Record<string, string>>): Record<string, unknown> {
  if (Object.keys(labels).length === 0) return edge;
  const { '*': all, ...others } = (edge['channels'] ?? {}) as Record<string, { labels?: Record<string, string> }>;
  return { ...edge, channels: { '*': { ...all, labels: { ...labels, ...all?.labels } }, ...others } };
}

function parseSensors(text: string, file: string): unknown {
  const document = parseDocument(text, { prettyErrors: false });
  const error = document.errors[0];
  if (error !== undefined) throw new ConfigError([{ file, line: undefined, path: '', message: error.message }]);
  const value: unknown = document.toJS() ?? {};
  if (typeof value === 'object') return value;
  throw new ConfigError([
    { file, line: 1, path: '', message: 'must be a list of sensors or a mapping with `sensors`' },
  ]);
}

function ours({ site, device, gateway, ca, identity, upgrade }: EdgeYamlOptions): Record<string, unknown> {
  return {
    site,
    device,
    gateway: { url: gateway, ...(ca ? { caFile: devicePaths.ca } : {}), ...credentials(identity) },
    outbox: { directory: devicePaths.outbox },
    ...(upgrade ? { upgrade: { directory: devicePaths.upgrade, publicKeyFile: devicePaths.releaseKey } } : {}),
  };
}

function credentials(identity: EdgeYamlOptions['identity']): Record<string, string> {
  switch (identity) {
    case undefined:
      return {};
    case 'token':
      return { passwordFile: devicePaths.token };
    case 'certificate':
      return { certFile: devicePaths.cert, keyFile: devicePaths.key };
    case 'enrolment':
      return { certFile: devicePaths.cert, keyFile: devicePaths.key, enrolTokenFile: devicePaths.enrolToken };
  }
}
