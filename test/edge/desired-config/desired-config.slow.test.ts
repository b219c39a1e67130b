import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { signConfig } from '../../../core/contract/desired-config.js';
import type { Logger } from '../../../core/runtime/logger.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import { freePort } from '../../servers/free-port.js';
import { waitFor } from '../../servers/wait-for.js';
import { tempDir } from '../../support/temp-dir.js';
import { asSet } from '../agent/recording-sensor.js';
import { TestGateway } from '../agent/test-gateway.js';
import { desire, device, localConfig, makeDevice, reports, signed } from './configurable-device.js';

const faster = { sensors: [{ driver: 'host', intervalMs: 20, channels: ['load-1m', 'uptime'] }] };
const dead = { sensors: [{ driver: 'host', intervalMs: 20, root: '/nowhere' }] };

async function place() {
  const gateway = await TestGateway.start(await freePort());
  const directory = await tempDir();
  return { gateway, directory, config: localConfig(directory, gateway.url) };
}

const channels = (gateway: TestGateway, since: number) =>
  new Set(gateway.packs.slice(since).flatMap(({ points }) => points.map(({ sensor }) => sensor)));

describe('a desired config', () => {
  it('is in force without a restart, loses and doubles no reading, and holds after one', async () => {
    const { gateway, config } = await place();
    const first = makeDevice(config);
    await first.edge.start();
    await waitFor('a rhythm', 10_000, () => gateway.packs.length > 30);
    for (let version = 1; version <= 4; version += 1) {
      const sensors = [{ driver: 'host', intervalMs: 10 + version, channels: ['load-1m'] }];
      await desire(gateway, signed(version, { sensors, pack: { maxReadings: 5 * version } }));
      await waitFor('the report', 10_000, () => reports(gateway).includes(`${version} applied`));
    }
    await desire(gateway, signed(5, faster));
    await waitFor('confirmation', 10_000, () => reports(gateway).includes('5 applied confirmed'));
    expect(first.edge.status().uplink.connections).toBe(1);
    expect(first.edge.status().config).toMatchObject({ version: 5, status: 'applied', confirmed: true });
    await first.edge.stop(60_000);
    const own = gateway.packs.flatMap(({ points }) => points).filter(({ sensor }) => sensor === 'own');
    expect(asSet(own)).toEqual(asSet(first.own.given));
    expect(first.edge.status().agent).toMatchObject({ dropped: 0, inFlight: 0 });
    const seqs = gateway.packs.map(({ seq }) => seq).sort((a, b) => a - b);
    expect(seqs).toEqual(seqs.map((_, i) => i));

    const before = gateway.packs.length;
    const second = makeDevice(config);
    await second.edge.start();
    await waitFor('packs', 10_000, () => gateway.packs.length > before + 10 && channels(gateway, before).size >= 3);
    expect(channels(gateway, before)).toEqual(new Set(['own', 'load-1m', 'uptime']));
    expect(reports(gateway).at(-1)).toBe('5 applied confirmed');
  }, 60_000);

  it('takes other rates of the uplink, over a new connection', async () => {
    const { gateway, config } = await place();
    const { edge, own } = makeDevice(config);
    await edge.start();
    await waitFor('a rhythm', 10_000, () => gateway.packs.length > 30);
    await desire(gateway, signed(1, { uplink: { heartbeatMs: '200ms', maxInFlight: 3 } }));
    await waitFor('confirmation', 10_000, () => reports(gateway).includes('1 applied confirmed'));
    expect(edge.status().uplink.connections).toBe(2);
    await edge.stop(60_000);
    const points = new Map(gateway.packs.map((pack) => [pack.seq, pack.points]));
    const given = [...points.values()].flat().filter(({ sensor }) => sensor === 'own');
    expect(asSet(given)).toEqual(asSet(own.given));
  }, 60_000);

  it('is refused if it is forged, replayed, of another device, invalid, or holds a secret', async () => {
    const { gateway, config } = await place();
    const { edge } = makeDevice(config);
    await edge.start();
    await desire(gateway, signed(5, faster));
    await waitFor('version 5', 10_000, () => reports(gateway).includes('5 applied'));
    const forger = generateKeyPairSync('ed25519').privateKey;
    const document = { type: 'fieldline-config', format: 1, ...device, version: 9, config: {} } as const;
    const cases: [Uint8Array, string][] = [
      [signConfig(document, forger), '9 rejected: the signature is not of the key of this device'],
      [signed(4, faster), '4 rejected: version 4 is not newer than 5'],
      [signed(5, dead), '5 rejected: version 5 was another config: use a higher one'],
      [signed(9, {}, { device: 'oven-02' }), '0 rejected: a config of plant1/oven-02, not of plant1/press-07'],
      [Buffer.from('{}'), '0 rejected: config signed: Invalid input: expected string, received undefined'],
      [signed(9, { gateway: { url: 'mqtt://elsewhere' } }), '9 rejected: Unrecognized key: "gateway"'],
      [
        signed(9, { sensors: [{ driver: 'host', password: 'x' }] }),
        '9 rejected: sensors.0.password: a secret may not be set from afar: configure this sensor on the device',
      ],
    ];
    for (const [message, report] of cases) {
      await desire(gateway, message);
      await waitFor(report, 5000, () => reports(gateway).includes(report));
    }
    expect(edge.status().config).toMatchObject({ version: 5, status: 'applied' });
    // What was refused has not used up its number.
    await desire(gateway, signed(9, faster));
    await waitFor('version 9', 10_000, () => reports(gateway).includes('9 applied'));
  }, 60_000);

  it('is refused without a key, which is logged once', async () => {
    const { gateway, directory } = await place();
    const lines: string[] = [];
    const error = (_fields: unknown, message?: string) => void lines.push(message!);
    const logger: Logger = { ...silentLogger, error, child: () => logger };
    const { edge } = makeDevice(localConfig(directory, gateway.url, { config: {} }), logger);
    await edge.start();
    for (const version of [1, 2, 3]) {
      await desire(gateway, signed(version, faster));
      await waitFor('the report', 5000, () => reports(gateway).length === version);
    }
    expect(reports(gateway)[0]).toBe('1 rejected: this device has no config.publicKey, so it takes no config');
    expect(lines).toEqual(['config: refused']);
    expect(edge.status().config).toBeUndefined();
  }, 30_000);
});

describe('a config that stops data from flowing', () => {
  it('is rolled back by itself, and its number is used up', async () => {
    const { gateway, directory } = await place();
    // So long that a busy machine does not make the host look unsteady.
    const patient = localConfig(directory, gateway.url).config;
    const config = localConfig(directory, gateway.url, { config: { ...patient, probationMs: '2s' } });
    const { edge } = makeDevice(config);
    await edge.start();
    await waitFor('a rhythm', 10_000, () => gateway.packs.length > 30);
    await desire(gateway, signed(1, faster));
    await waitFor('a healthy one', 10_000, () => reports(gateway).includes('1 applied confirmed'));
    await desire(gateway, signed(2, dead));
    await waitFor('the way back', 10_000, () =>
      reports(gateway).includes('2 rolled-back: no reading came from host within 2 s'),
    );
    const before = gateway.packs.length;
    await waitFor('packs', 10_000, () => gateway.packs.length > before + 10 && channels(gateway, before).size >= 3);
    expect(channels(gateway, before)).toEqual(new Set(['own', 'load-1m', 'uptime']));
    // The gateway still has it retained: it is not tried again.
    const told = reports(gateway).length;
    await gateway.down();
    await gateway.up();
    await desire(gateway, signed(2, dead));
    await waitFor('the device is back', 15_000, () => reports(gateway).length > told);
    expect(
      reports(gateway)
        .slice(told)
        .every((report) => report.startsWith('2 rolled-back')),
    ).toBe(true);
  }, 60_000);

  it('is rolled back if the gateway acknowledges nothing after a change of the uplink', async () => {
    const { gateway, config } = await place();
    const { edge } = makeDevice(config);
    await edge.start();
    await waitFor('a connection', 10_000, () => edge.status().uplink.connected);
    await desire(gateway, signed(1, { uplink: { heartbeatMs: '1s' } }));
    // The old connection says goodbye, and a quarter of a second passes before the next.
    await waitFor('the goodbye', 10_000, () => gateway.states.at(-1)?.type === 'offline', 5);
    await gateway.down();
    await waitFor('the way back', 10_000, () => edge.status().config?.status === 'rolled-back');
    await gateway.up();
    const report = '1 rolled-back: the gateway acknowledged nothing within 1 s';
    await waitFor('the report', 15_000, () => reports(gateway).includes(report));
  }, 60_000);
});
