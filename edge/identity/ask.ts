import { createPrivateKey, X509Certificate } from 'node:crypto';
import { parseJson } from '#core/contract/alert.js';
import { enrolmentAnswerSchema, type EnrolmentAnswer } from '#core/contract/enrolment.js';
import { mqttTopic } from '#core/contract/mqtt-topics.js';
import { deviceKey, type DeviceId } from '#core/contract/names.js';
import type { Clock } from '#core/runtime/clock.js';
import { messageOf, RetryableError } from '#core/runtime/errors.js';
import { certificateRequest, spkiOf } from './certificate-request.js';

/** A connection to the gateway on which a certificate can be asked for. */
export interface AskingSession {
  subscribe(filter: string): Promise<void>;
  publish(topic: string, payload: Uint8Array): Promise<void>;
  /** What comes on `enrolled` while somebody asks. */
  onAnswer: ((payload: Uint8Array) => void) | undefined;
}

/** The gateway gives no certificate; `isFinal`: not to whoever asks the same again. */
export class CertificateRefused extends RetryableError {
  constructor(
    message: string,
    readonly isFinal: boolean,
  ) {
    super('unauthorised', message);
  }
}

export interface AskOptions {
  readonly device: DeviceId;
  /** PEM. */
  readonly key: string;
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** Ends with the connection. */
  readonly signal: AbortSignal;
}

/**
 * Asks for a certificate for the key; resolves with its PEM, and those behind it. Throws CertificateRefused, or RetryableError
 * `unavailable` if no answer came in time that can be used.
 */
export async function askForCertificate(session: AskingSession, options: AskOptions): Promise<string> {
  const { device, clock, timeoutMs, signal } = options;
  const key = createPrivateKey(options.key);
  const spki = spkiOf(key);
  const over = new AbortController();
  let answer: EnrolmentAnswer | undefined;
  session.onAnswer = (payload) => {
    const said = readAnswer(payload);
    // That of another device with the same name is no answer.
    if (!said || (said.type === 'enrolled' && said.spki !== spki)) return;
    answer ??= said;
    over.abort();
  };
  try {
    await session.subscribe(mqttTopic(device, 'enrolled'));
    const request = { type: 'enrol', csr: certificateRequest(deviceKey(device), key) };
    await session.publish(mqttTopic(device, 'enrol'), Buffer.from(JSON.stringify(request)));
    if (!answer) await clock.sleep(timeoutMs, AbortSignal.any([over.signal, signal]));
  } finally {
    session.onAnswer = undefined;
  }
  if (!answer) throw new RetryableError('unavailable', 'the gateway has not answered the request for a certificate');
  if (answer.type === 'refused') throw new CertificateRefused(answer.reason, !answer.mayRetry);
  checkCertificate(answer.certificate, spki);
  return answer.certificate;
}

function readAnswer(payload: Uint8Array): EnrolmentAnswer | undefined {
  try {
    return parseJson(payload, enrolmentAnswerSchema, 'enrolled');
  } catch {
    return undefined;
  }
}

function checkCertificate(pem: string, spki: string): void {
  let fault: string | undefined;
  try {
    if (spkiOf(new X509Certificate(pem).publicKey) !== spki) fault = 'it is for another key';
  } catch (error) {
    fault = messageOf(error);
  }
  if (fault !== undefined) throw new RetryableError('unavailable', `the gateway sent no good certificate: ${fault}`);
}
