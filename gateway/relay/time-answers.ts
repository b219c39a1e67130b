import type { TimeAnswer } from '#core/contract/time-answer.js';
import type { DeviceId } from '#core/contract/names.js';
import type { Clock } from '#core/runtime/clock.js';
import { messageOf } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';
import type { Decoded } from '../intake/decoded.js';
import type { DeviceMessage } from '../intake/message.js';

export interface TimeAnswersOptions {
  readonly clock: Clock;
  /** Whether the clock shows the time, and not a guess; asked for each query. */
  readonly trusts: (wallUs: number) => boolean;
  readonly logger: Logger;
  readonly publishCommand: (device: DeviceId, id: string, payload: Uint8Array) => Promise<void>;
}

/** Tells devices the time when they ask, if it is known here. Nothing of it waits for the log, or the answer would be of no use. */
export class TimeAnswers {
  constructor(private readonly options: TimeAnswersOptions) {}

  /** Answers if the message is such a query. */
  take({ topic, receivedUs }: DeviceMessage, { timeQuery }: Decoded): void {
    if (timeQuery === undefined) return;
    const { clock, trusts, logger, publishCommand } = this.options;
    if (!trusts(receivedUs)) return;
    const answer: TimeAnswer = { receivedUs, sentUs: clock.nowUs() };
    publishCommand(topic, timeQuery, Buffer.from(JSON.stringify(answer))).catch((error: unknown) =>
      logger.debug({ error: messageOf(error) }, 'a device that asked for the time has gone'),
    );
  }
}
