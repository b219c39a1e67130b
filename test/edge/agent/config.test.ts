import { describe, expect, it } from 'vitest';
import { ConfigError, parseConfig } from '../../../core/runtime/config.js';
import { edgeConfigSchema, type EdgeConfig } from '../../../edge/config.js';

function parse(yaml: string): EdgeConfig {
  return parseConfig(edgeConfigSchema, yaml, 'edge.yaml');
}

function faults(yaml: string): string[] {
  try {
    parse(`site: plant1\ndevice: press-07\n${yaml}`);
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n');
    throw error;
  }
  return [];
}

it('needs no more than who the device is', () => {
  expect(parse('site: plant1\ndevice: press-07')).toEqual({
    site: 'plant1',
    device: 'press-07',
    gateway: { url: 'mqtt://127.0.0.1:1883' },
    uplink: { heartbeatMs: 10_000, keepaliveMs: 30_000, backlogPacksPerSecond: 500, maxInFlight: 16 },
    outbox: {
      directory: 'data/outbox',
      maxBytes: 512 * 1024 ** 2,
      reserveBytes: 16 * 1024 ** 2,
      enduranceBytes: 10e12,
    },
    pack: { delayMs: 20, maxReadings: 500, coding: 'zlib', maxWaitingPoints: 50_000 },
    sensors: [{ driver: 'host', root: '/', mounts: ['/'], channels: ['*'], intervalMs: 5000, timeoutMs: 10_000 }],
    channels: {},
    clock: {
      trust: 'auto',
      syncMarkers: ['/run/systemd/timesync/synchronized', '/var/lib/chrony/chrony.drift', '/var/lib/chrony/drift'],
      holdMs: 900_000,
      gateway: 'verified',
    },
    config: { probationMs: 120_000 },
  });
});

it('reads everything that can be said of a sensor', () => {
  const [sensor] = parse(`
site: plant1
device: press-07
sensors:
  - driver: host
    name: pi
    intervalMs: 500ms
    mounts: [/, /data]
    filters: [{ filter: hampel, window: 11 }]
    reduce: { window: 10s }
    labels: { floor: "3" }
    alerts:
      - { sensor: thermal.*, above: 80, hysteresis: 5, holdMs: 1m, severity: critical }
`).sensors;
  expect(sensor).toMatchObject({
    name: 'pi',
    intervalMs: 500,
    filters: [{ filter: 'hampel', window: 11, threshold: 5, mode: 'mark' }],
    reduce: { window: 10_000 },
    alerts: [{ sensor: 'thermal.*', above: 80, hysteresis: 5, holdMs: 60_000, severity: 'critical' }],
  });
});

describe('says what is wrong, and where', () => {
  it.each([
    ['sensors: [{ driver: hots }]', 'edge.yaml:3: sensors.0.driver'],
    ['sensors: [{ driver: host, interval: 1s }]', 'edge.yaml:3: sensors.0.interval: unknown key'],
    ['sensors: [{ driver: host, intervalMs: soon }]', 'sensors.0.intervalMs: not a duration such as 500ms'],
    ['sensors: [{ driver: host, reduce: { window: 7s } }]', 'sensors.0.reduce.window: must divide a minute'],
    ['sensors: [{ driver: host, reduce: some }]', 'sensors.0.reduce'],
    ['sensors: [{ driver: host, alerts: [{ hysteresis: 2 }] }]', 'sensors.0.alerts.0: needs either above or below'],
    ['sensors: [{ driver: host }, { driver: host }]', 'sensors: two have one name'],
    ['channels: { "*": { filters: [{ filter: kalman }] } }', 'channels.*.filters.0.filter'],
    ['channels: { "*": { filters: [{ filter: hampel, widnow: 7 }] } }', 'channels.*.filters.0.widnow: unknown key'],
    ['gateway: { url: "http://example.org" }', 'gateway.url'],
    ['outbox: { maxBytes: 8388608 }', 'outbox.maxBytes: must be at least 6 MiB more than reserveBytes'],
    ['pack: { maxReadings: 100000 }', 'pack.maxReadings'],
  ])('%s', (yaml, fault) => {
    const found = faults(yaml);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(fault);
  });

  it('all at once', () => {
    expect(faults('pack: { coding: gzip }\noutbox: { directory: "" }')).toHaveLength(2);
  });
});
