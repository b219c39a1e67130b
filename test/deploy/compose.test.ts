import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { addParts } from '../../cli/commands/parts.js';
import { loadConfig } from '../../cli/config.js';

interface Service {
  readonly image: string;
  readonly command?: readonly string[];
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly build?: { readonly context: string; readonly dockerfile: string };
}

const deploy = fileURLToPath(new URL('../../deploy/', import.meta.url));
const read = (name: string) => readFileSync(join(deploy, name), 'utf8');
const composeText = read('compose.yaml');
const compose = parse(composeText, { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, null>>;
};
const services = Object.entries(compose.services);
const parts = services.filter(([, { build }]) => build !== undefined);
const fullVersion = /:v?\d+\.\d+\.\d+(-[a-z]+)?$/;

describe('deploy/fieldline.yaml', () => {
  test('passes the schema and takes its secrets from elsewhere', async () => {
    const config = await loadConfig(join(deploy, 'fieldline.yaml'));
    expect(config).toMatchObject({ profile: 'cluster', gateway: { mqtt: { auth: 'token' } } });
    expect(config.store.influx?.token).toBeUndefined();
  });

  test('names the services, ports and organisation of compose.yaml', async () => {
    const { log, store, gateway, http, ops } = await loadConfig(join(deploy, 'fieldline.yaml'));
    const { kafka, influxdb, grafana, ingest, serve } = compose.services;
    expect(log.kafka?.brokers.map((broker) => `PLAINTEXT://${broker}`)).toEqual([
      kafka!.environment!['KAFKA_ADVERTISED_LISTENERS'],
    ]);
    expect(store.influx).toMatchObject({
      url: grafana!.environment!['INFLUX_URL'],
      org: influxdb!.environment!['DOCKER_INFLUXDB_INIT_ORG'],
    });
    expect(grafana!.environment!['INFLUX_ORG']).toBe(store.influx?.org);
    expect(compose.services['gateway']!.ports).toEqual([`127.0.0.1:${gateway.mqtt.port}:${gateway.mqtt.port}`]);
    expect(serve!.ports).toEqual([`127.0.0.1:${http.port}:${http.port}`]);
    expect(http.allowedHosts).toContain(`127.0.0.1:${http.port}`);
    expect(ingest!.healthcheck!.test.at(-1)).toBe(`http://127.0.0.1:${ops.port}/readyz`);
    expect(serve!.healthcheck!.test.at(-1)).toBe(`http://127.0.0.1:${http.port}/readyz`);
  });
});

describe('deploy/compose.yaml', () => {
  test('has every part', () => {
    expect(services.map(([name]) => name)).toEqual(['kafka', 'influxdb', 'gateway', 'ingest', 'serve', 'grafana']);
    expect(parts.map(([name]) => name)).toEqual(['gateway', 'ingest', 'serve']);
  });

  test.each(services)('%s: ports on loopback, a full version, a health check', (_name, service) => {
    for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
    expect(service).not.toHaveProperty('network_mode');
    expect(service.image).toMatch(fullVersion);
    expect(service.healthcheck?.test[0]).toBe('CMD');
  });

  test.each(services)('%s: mounts what exists and waits for services that can be healthy', (_name, service) => {
    for (const volume of service.volumes ?? []) {
      const source = volume.split(':')[0]!;
      const exists = source.startsWith('.') ? existsSync(join(deploy, source)) : source in compose.volumes;
      expect(exists, volume).toBe(true);
    }
    for (const [name, { condition }] of Object.entries(service.depends_on ?? {})) {
      expect(condition).toBe('service_healthy');
      expect(compose.services).toHaveProperty([name, 'healthcheck']);
    }
  });

  test.each(parts)('%s: its command is one of the fieldline command', (_name, { command }) => {
    const program = new Command('fieldline');
    addParts(program);
    const [group, name, ...options] = command!;
    const found = program.commands.find((each) => each.name() === group)?.commands.find((each) => each.name() === name);
    expect(found).toBeDefined();
    expect(found!.parseOptions([...options])).toEqual({ operands: [], unknown: [] });
    expect(found!.opts()).toMatchObject({ config: '/etc/fieldline.yaml', logFormat: 'json' });
  });

  test('its variables are those of .env.example, where all are empty', () => {
    const lines = read('.env.example').split('\n');
    const offered = lines.filter((line) => line !== '' && !line.startsWith('#'));
    expect(offered.every((line) => /^[A-Z_]+=$/.test(line))).toBe(true);
    const used = new Set([...composeText.matchAll(/\$\{([A-Z_]+)/g)].map(([, name]) => name));
    expect(offered.map((line) => line.slice(0, -1)).sort()).toEqual([...used].sort());
  });

  test('no secret stands in the file, and none may be empty', () => {
    const secrets = services.flatMap(([, { environment = {} }]) =>
      Object.entries(environment).filter(([name]) => /TOKEN|PASSWORD|SECRET/.test(name)),
    );
    expect(secrets.length).toBeGreaterThan(0);
    for (const [, value] of secrets) expect(value).toMatch(/^\$\{[A-Z_]+:(\?.+|-\$\{INFLUX_TOKEN\})\}$/);
  });
});

describe('deploy/Dockerfile', () => {
  const dockerfile = read('Dockerfile');

  test('every image has a full version', () => {
    const images = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, image]) => image);
    expect(images).toHaveLength(2);
    for (const image of images) expect(image).toMatch(fullVersion);
  });

  test('what it copies exists and is not ignored', () => {
    const allowed = read('Dockerfile.dockerignore').split('\n');
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, names]) => names!.split(' '));
    for (const name of copied) {
      expect(existsSync(join(deploy, '..', name)), name).toBe(true);
      expect(allowed).toContain(`!${name}`);
    }
  });
});
