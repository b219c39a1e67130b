import { describe, expect, it } from 'vitest';
import { ContractError } from '../../../core/contract/contract-error.js';
import { edgeConfigSchema } from '../../../edge/config.js';
import { parseRemoteConfig, withRemote } from '../../../edge/desired-config/remote-schema.js';

const local = edgeConfigSchema.parse({ site: 'plant1', device: 'press-07', uplink: { heartbeatMs: '1s' } });

describe('what may be said from afar', () => {
  it('is checked by the schema of the device, which fills in its own defaults', () => {
    const remote = parseRemoteConfig({
      sensors: [{ driver: 'host' }],
      uplink: { maxInFlight: 4 },
      clock: { holdMs: '1m' },
    });
    const config = withRemote(local, remote);
    expect(config.sensors).toMatchObject([{ driver: 'host', intervalMs: 5000 }]);
    // A section is taken as a whole; what is not said stays as it is.
    expect(config.uplink).toMatchObject({ maxInFlight: 4, heartbeatMs: 10_000 });
    expect(config.clock).toEqual({ ...local.clock, holdMs: 60_000 });
    expect(config.gateway).toEqual(local.gateway);
    expect(withRemote(local, parseRemoteConfig({}))).toEqual(local);
  });

  it.each([
    [{ gateway: { url: 'mqtt://elsewhere' } }],
    [{ outbox: { directory: '/' } }],
    [{ config: { publicKey: 'mine' } }],
    [{ site: 'plant2' }],
    [{ clock: { trust: 'system' } }],
    [{ sensors: [{ driver: 'host', interval: '1s' }] }],
    [[]],
    ['sensors'],
  ])('is not %j', (config) => {
    expect(() => parseRemoteConfig(config)).toThrow(ContractError);
  });

  it.each([
    [{ sensors: [{ driver: 'host', password: 'x' }] }, 'sensors.0.password'],
    [{ sensors: [{ driver: 'host', passwordFile: '/etc/shadow' }] }, 'sensors.0.passwordFile'],
    [{ sensors: [{ driver: 'host', headers: { Authorization: 'Basic x' } }] }, 'sensors.0.headers.Authorization'],
    [{ sensors: [{ driver: 'host', url: 'http://me:secret@meter/' }] }, 'sensors.0.url'],
    [{ sensors: [{ driver: 'host', deep: [{ apiKey: 'x' }] }] }, 'sensors.0.deep.0.apiKey'],
  ])('holds no secret: %j', (config, path) => {
    expect(() => parseRemoteConfig(config)).toThrow(`${path}: a secret may not be set from afar`);
  });

  it('may name channels as one likes', () => {
    expect(parseRemoteConfig({ channels: { 'token-ring.*': { reduce: 'none' } } }).channels).toBeDefined();
  });
});
