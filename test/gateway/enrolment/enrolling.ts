import { createPrivateKey } from 'node:crypto';
import { chmod } from 'node:fs/promises';
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt';
import { onTestFinished } from 'vitest';
import type { EnrolmentAnswer } from '../../../core/contract/enrolment.js';
import { mqttTopic } from '../../../core/contract/mqtt-topics.js';
import type { DeviceId } from '../../../core/contract/names.js';
import { certificateRequest, newKey } from '../../../edge/identity/certificate-request.js';
import { waitFor, within } from '../../servers/wait-for.js';
import { tempDir } from '../../support/temp-dir.js';
import { press, startGateway, type GatewayOverrides, type TestGateway } from '../harness.js';
import { CertificateMaker } from '../identity/certificate-maker.js';
import { ask } from '../identity/operator.js';

export const long = 20_000;
export const owner = (device: DeviceId): string => `${device.site}/${device.device}`;

export interface EnrolmentGateway extends TestGateway {
  readonly maker: CertificateMaker;
  /** The configuration, for a second gateway of the same log. */
  readonly over: GatewayOverrides;
}

/** A gateway with TLS that signs with the test's own authority. */
export async function startEnrolment(over: GatewayOverrides = {}, tls: object = {}): Promise<EnrolmentGateway> {
  const maker = await CertificateMaker.in(await tempDir());
  const server = await maker.server('127.0.0.1', 'localhost');
  const caKey = await maker.write('ca-key.pem', maker.authority.keyPem);
  await chmod(caKey, 0o600);
  const files = { key: await maker.write('key.pem', server.key), cert: await maker.write('cert.pem', server.cert) };
  const whole = {
    ...over,
    mqtt: { ...over.mqtt, tls: { ...files, ...tls } },
    enrolment: { caCert: maker.ca, caKey, ...over.enrolment },
  };
  return { ...(await startGateway(whole)), maker, over: whole };
}

/** A token as the operator gets it, known to the gateways. */
export async function tokenFor(
  test: TestGateway,
  device = press,
  body: object = {},
  others: readonly TestGateway[] = [],
): Promise<{ id: string; token: string; expiresUs: number }> {
  const { status, body: made } = await ask(test, 'POST', `devices/${owner(device)}/enrolment`, body);
  if (status !== 201) throw new Error(JSON.stringify(made));
  const { id } = made as { id: string };
  for (const one of [test, ...others])
    await waitFor('the token', long, async () => (await stateOf(one, device, id)) === 'waiting');
  return made as { id: string; token: string; expiresUs: number };
}

/** What the gateway lists of the token. */
export async function stateOf(test: TestGateway, device: DeviceId, id: string): Promise<string | undefined> {
  const { body } = await ask(test, 'GET', `devices/${owner(device)}/enrolment`);
  return (body as { tokens: { id: string; state: string }[] }).tokens.find((one) => one.id === id)?.state;
}

export async function connectTls(
  test: Pick<EnrolmentGateway, 'port' | 'maker'>,
  options: IClientOptions,
): Promise<MqttClient> {
  const { certificatePem: ca } = test.maker.authority;
  const settings = { ca, reconnectPeriod: 0, connectTimeout: long, ...options };
  const client = await connectAsync(`mqtts://127.0.0.1:${test.port}`, settings, false);
  client.on('error', () => undefined);
  onTestFinished(() => void client.end(true));
  return client;
}

/** A connection that shows the token. */
export function connectEnrolling(
  test: Pick<EnrolmentGateway, 'port' | 'maker'>,
  token: string,
  device = press,
  options: IClientOptions = {},
): Promise<MqttClient> {
  return connectTls(test, { username: owner(device), password: token, ...options });
}

export interface Asker {
  readonly key: string;
  ask(client: MqttClient): Promise<EnrolmentAnswer>;
}

/** Somebody with a key who asks for a certificate. */
export function askerOf(device = press, key = newKey()): Asker {
  return {
    key,
    ask: async (client) => {
      const answered = new Promise<EnrolmentAnswer>((resolve, reject) => {
        client.once('close', () => reject(new Error('the connection has ended')));
        client.once('message', (_topic, payload) => resolve(JSON.parse(payload.toString()) as EnrolmentAnswer));
      });
      answered.catch(() => undefined);
      await client.subscribeAsync(mqttTopic(device, 'enrolled'), { qos: 1 });
      const csr = certificateRequest(owner(device), createPrivateKey(key));
      client.publish(mqttTopic(device, 'enrol'), JSON.stringify({ type: 'enrol', csr }), { qos: 1 });
      return within('the answer', 5 * long, answered);
    },
  };
}

/** Key and certificate by a token. */
export async function enrolled(
  test: EnrolmentGateway,
  token: string,
  device = press,
): Promise<{ key: string; cert: string }> {
  const asker = askerOf(device);
  const client = await connectEnrolling(test, token, device);
  const answer = await asker.ask(client);
  await client.endAsync();
  if (answer.type !== 'enrolled') throw new Error(answer.reason);
  return { key: asker.key, cert: answer.certificate };
}
