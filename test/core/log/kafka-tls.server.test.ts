import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Collector, contentOf, recordOf, textOf, topicOf, until } from '../../contracts/event-log/harness.js';
import { haveServers } from '../../servers/ensure.js';
import { freePorts } from '../../servers/free-port.js';
import { startKafka, type Kafka } from '../../servers/kafka.js';
import { findProgram, runCommand } from '../../servers/run-command.js';
import { openKafkaLog } from './kafka-harness.js';

// A certificate is made with openssl; a machine without it tests everything but TLS.
const available = (await haveServers('kafka')) && findProgram('openssl') !== undefined;

describe.skipIf(!available)('over TLS', () => {
  const folder = mkdtempSync(join(tmpdir(), 'fieldline-tls-'));
  const [keyFile, certFile] = ['key.pem', 'cert.pem'].map((name) => join(folder, name)) as [string, string];
  const sockets = new Set<TLSSocket>();
  let kafka: Kafka;
  let front: Server;

  beforeAll(async () => {
    const [target, port] = (await freePorts(2)) as [number, number];
    const names = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2'];
    const make = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', keyFile, '-out', certFile, ...names];
    await runCommand('openssl', make, { withinMs: 30_000 });
    // The broker speaks plainly; what stands before it speaks TLS, and is what the broker tells its clients.
    front = createServer({ key: readFileSync(keyFile), cert: readFileSync(certFile) }, (client) => {
      const broker = connect(target, '127.0.0.1');
      sockets.add(client);
      client.pipe(broker).pipe(client);
      client.on('error', () => broker.destroy()).on('close', () => broker.destroy());
      broker.on('error', () => client.destroy());
    });
    front.listen(port, '127.0.0.1');
    kafka = await startKafka({ ports: [target], advertisedPorts: [port] });
  });
  afterAll(async () => {
    front?.close();
    for (const socket of sockets) socket.destroy();
    await kafka?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test('appends and reads, and goes on when connections are lost', async () => {
    const log = await openKafkaLog(kafka.bootstrap, { ssl: { ca: [readFileSync(certFile, 'utf8')] } });
    const topic = topicOf();
    await log.ensureTopics([topic]);
    const seen = new Collector();
    await log.subscribe(seen.group([topic]));
    await log.append(topic.name, [recordOf('a', '0')]);
    await seen.has(1, 30_000);
    for (const socket of sockets) socket.destroy();
    await log.append(topic.name, [recordOf('a', '1')]);
    await until(() => seen.texts.includes('1'), 30_000);
    expect(new Set((await contentOf(log, topic)).map(({ value }) => textOf(value)))).toEqual(new Set(['0', '1']));
    expect(seen.errors).toEqual([]);
  });

  test('a certificate that is not trusted is an outage that is told, and nothing is sent', async () => {
    const log = await openKafkaLog(kafka.bootstrap, { ssl: true, healthMs: 100 });
    const ensured = log.ensureTopics([topicOf()]).catch((error: unknown) => error);
    await expect(log.lag('group', ['topic'])).rejects.toMatchObject({ name: 'RetryableError' });
    expect(log.healthy()).toBe(false);
    await log.stop(500);
    expect(await ensured).toMatchObject({ name: 'RetryableError' });
  });
});
