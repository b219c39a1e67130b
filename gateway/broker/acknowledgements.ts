/** First bytes of the packets that answer a PUBLISH. [MQTT-3.4], [MQTT-3.5], [MQTT-3.7] */
export const answer = { puback: 0x40, pubrec: 0x50, pubcomp: 0x70 } as const;
export type Answer = (typeof answer)[keyof typeof answer];

/** What is told to one connection about its publishes. */
export interface AnswerSink {
  /** Writes packets; they are the receiver's. */
  writeAnswers(packets: Buffer): void;
}

const packetBytes = 4;

/**
 * Gathers the answers of a turn of the event loop: one write for each connection, and not one for each message. Answers
 * to one connection keep their order.
 */
export class Acknowledgements {
  private waiting = new Map<AnswerSink, number[]>();

  add(sink: AnswerSink, type: Answer, messageId: number): void {
    const answers = this.waiting.get(sink);
    if (answers) return void answers.push(type, messageId);
    if (this.waiting.size === 0) setImmediate(() => this.flush());
    this.waiting.set(sink, [type, messageId]);
  }

  /** Writes what is gathered. */
  flush(): void {
    const { waiting } = this;
    this.waiting = new Map();
    for (const [sink, answers] of waiting) sink.writeAnswers(encode(answers));
  }
}

function encode(answers: readonly number[]): Buffer {
  const packets = Buffer.allocUnsafe((answers.length / 2) * packetBytes);
  for (let i = 0, at = 0; i < answers.length; i += 2, at += packetBytes) {
    packets[at] = answers[i]!;
    packets[at + 1] = 2;
    packets[at + 2] = answers[i + 1]! >> 8;
    packets[at + 3] = answers[i + 1]! & 255;
  }
  return packets;
}
