import { existsSync } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { X509Certificate } from 'node:crypto';
import { expect, it } from 'vitest';
import { createLogger } from '../../../core/runtime/logger.js';
import {
  connectEnrolling,
  askerOf,
  long,
  startEnrolment,
  stateOf,
  tokenFor,
} from '../../gateway/enrolment/enrolling.js';
import { press, startGateway } from '../../gateway/harness.js';
import { ask } from '../../gateway/identity/operator.js';
import { waitFor } from '../../servers/wait-for.js';
import { MemoryLog } from '../../support/memory-log.js';
import { tempDir } from '../../support/temp-dir.js';
import { deviceConfig, devicePaths, makeDevice } from './enrolling-device.js';

it('measures from the first second, enrols when the gateway is there, and delivers what it measured before', async () => {
  const log = new MemoryLog();
  const test = await startEnrolment({ log });
  const { id, token } = await tokenFor(test);
  const paths = await devicePaths(await tempDir(), token);
  await test.gateway.stop(0);
  const edge = makeDevice(deviceConfig(paths, test.port, test.maker.ca));
  await edge.start();
  await waitFor('packs in the outbox', long, () => edge.status().outbox.pendingPacks > 3);
  expect(existsSync(paths.certFile)).toBe(false);
  const held = edge.status().outbox.lastSeq;

  const mqtt = { ...test.over.mqtt, port: test.port };
  const gateway = await startGateway({ ...test.over, mqtt });
  await waitFor('the certificate in use', long, () => existsSync(paths.certFile) && !existsSync(paths.enrolTokenFile));
  await waitFor('what was measured before', long, () => edge.status().uplink.acknowledged > held);
  expect(log.records('sensor-readings').length).toBeGreaterThan(held);
  await waitFor('the end of the token', long, async () => (await stateOf(gateway, press, id)) === 'used');
  const { mode } = await stat(paths.keyFile);
  expect(mode & 0o777).toBe(0o600);
  expect(new X509Certificate(await readFile(paths.certFile, 'utf8')).subjectAltName).toBe('URI:plant1/press-07');
  expect(existsSync(`${paths.keyFile}.next`) || existsSync(`${paths.certFile}.next`)).toBe(false);
  // It goes on without the token after a restart.
  await edge.stop(2000);
  const again = makeDevice(deviceConfig(paths, test.port, test.maker.ca));
  await again.start();
  await waitFor('the connection', long, () => again.status().uplink.connected);
});

it('says what is missing, goes on measuring, and enrols as soon as a good token is laid there', async () => {
  const test = await startEnrolment();
  const stolen = await tokenFor(test);
  await askerOf().ask(await connectEnrolling(test, stolen.token));
  const paths = await devicePaths(await tempDir());
  const edge = makeDevice(deviceConfig(paths, test.port, test.maker.ca));
  await edge.start();
  const lastError = () => edge.status().uplink.lastError ?? '';
  await waitFor('the next step', long, () => lastError().includes('there is no certificate: make an enrolment token'));
  await writeFile(paths.enrolTokenFile, stolen.token);
  await waitFor('the refusal', long, () => lastError().includes('belongs to another key'));
  expect(edge.status().outbox.pendingPacks).toBeGreaterThan(0);
  const { token } = await tokenFor(test);
  await writeFile(paths.enrolTokenFile, token);
  await waitFor('the connection', long, () => edge.status().uplink.connected);
  await waitFor('the end of the token', long, () => !existsSync(paths.enrolTokenFile));
});

it('a token on a device that has a certificate: the new one takes its place, the old one is revoked', async () => {
  const test = await startEnrolment();
  const paths = await devicePaths(await tempDir());
  const before = await test.maker.client('plant1/press-07');
  await writeFile(paths.certFile, before.cert);
  await writeFile(paths.keyFile, before.key);
  const first = makeDevice(deviceConfig(paths, test.port, test.maker.ca));
  await first.start();
  await waitFor('the connection', long, () => first.status().uplink.lastAckUs !== undefined);
  await first.stop(2000);
  const { token } = await tokenFor(test);
  await writeFile(paths.enrolTokenFile, token);
  const second = makeDevice(deviceConfig(paths, test.port, test.maker.ca));
  await second.start();
  await waitFor('the new certificate', long, async () => (await readFile(paths.certFile, 'utf8')) !== before.cert);
  await waitFor('the end of the token', long, () => !existsSync(paths.enrolTokenFile));
  const { body } = await ask(test, 'GET', 'devices/plant1/press-07/credentials');
  expect(body).toMatchObject({ credentials: expect.arrayContaining([expect.objectContaining({ id: 'all' })]) });
});

it('renews a certificate that is past two thirds of its life, over its own session, and loses nothing', async () => {
  const log = new MemoryLog();
  const test = await startEnrolment({ log });
  const paths = await devicePaths(await tempDir());
  const dayMs = 86_400_000;
  const old = await test.maker.client('plant1/press-07', { nowMs: Date.now() - 9 * dayMs, days: 10 });
  await writeFile(paths.certFile, old.cert);
  await writeFile(paths.keyFile, old.key);
  const lines: string[] = [];
  const logger = createLogger({ level: 'info', destination: { write: (line) => void lines.push(line) } });
  const edge = makeDevice(deviceConfig(paths, test.port, test.maker.ca), logger);
  await edge.start();
  await waitFor('the new certificate in use', long, async () => (await readFile(paths.certFile, 'utf8')) !== old.cert);
  const fresh = new X509Certificate(await readFile(paths.certFile, 'utf8'));
  expect(Date.parse(fresh.validTo)).toBeGreaterThan(Date.parse(new X509Certificate(old.cert).validTo));
  const acknowledged = edge.status().uplink.acknowledged;
  await waitFor('more data on it', long, () => edge.status().uplink.acknowledged > acknowledged);
  await edge.stop(2000);
  const seqs = log.records('sensor-readings').map(({ value }) => value);
  expect(seqs.length).toBeGreaterThan(edge.status().outbox.lastSeq);
  expect(lines.join('')).toContain('the certificate is renewed');
});
