import type { EnrolmentAnswer } from '#core/contract/enrolment.js';
import { mqttTopic } from '#core/contract/mqtt-topics.js';
import type { DeviceId } from '#core/contract/names.js';
import type { ConnectionStream } from '../broker/connection-stream.js';
import type { Enrolments } from './enrolments.js';

/** Requests of one connection that can only enrol: one, and some again where an answer was lost. */
const maxAsked = 8;
/** How long a connection may stand that can only enrol. */
const maxEnrolmentMs = 120_000;

/** Brings the requests of a connection to whoever decides; the answer is for this connection, and for no other of the device. */
export function askOn(enrolments: Pick<Enrolments, 'answer'>) {
  return async (device: DeviceId, stream: ConnectionStream, payload: Uint8Array): Promise<void> => {
    stream.asked += 1;
    if (stream.proof?.by === 'enrolment' && stream.asked > maxAsked)
      return stream.refuse('enrolment-over', 'too many requests for a certificate');
    const tell = (answer: EnrolmentAnswer) => say(stream, mqttTopic(device, 'enrolled'), answer);
    await enrolments.answer({ device, address: stream.address, proof: stream.proof!, payload, tell });
  };
}

/** Closes what has been open for too long to enrol. */
export function endEnrolment(stream: ConnectionStream, nowMs: number): void {
  if (stream.proof?.by !== 'enrolment' || nowMs - stream.openedMs <= maxEnrolmentMs) return;
  stream.refuse('enrolment-over', 'a connection that may only enrol took too long');
}

function say({ client, destroyed }: ConnectionStream, topic: string, answer: EnrolmentAnswer): Promise<void> {
  if (destroyed || !client) return Promise.resolve();
  const payload = Buffer.from(JSON.stringify(answer));
  const packet = { cmd: 'publish', topic, payload, qos: 0, retain: false, dup: false } as const;
  return new Promise((resolve) => client.publish(packet, () => resolve()));
}
