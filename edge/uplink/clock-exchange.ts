import { parseJson } from '#core/contract/alert.js';
import type { DeviceState } from '#core/contract/device-events.js';
import { isTimeAnswerId, timeAnswerId, timeAnswerSchema } from '#core/contract/time-answer.js';
import { messageOf } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';
import type { DeviceClock } from '../clock/device-clock.js';

export type ExchangedClock = Pick<DeviceClock, 'knownClocks' | 'onNews' | 'wantsTime' | 'learn' | 'uptimeUs' | 'sleep'>;

export interface ClockExchangeOptions {
  readonly clock: ExchangedClock;
  readonly session: string;
  /** Whether this gateway may tell the time: whoever it is has been verified, or need not be. */
  readonly mayAsk: boolean;
  /** Resolves with the PUBACK, rejects when the connection ended. */
  readonly send: (state: DeviceState) => Promise<void>;
  readonly logger: Logger;
}

/** An answer that took longer tells too little: it may be wrong by half of that. */
const maxRoundTripUs = 2e6;
const again = { firstMs: 5000, maxMs: 300_000 };
const renewMs = 3_600_000;

/** What a device and its gateway say of clocks on one connection: the device tells those of its boots, and asks the time. */
export class ClockExchange {
  private asked: { readonly id: string; readonly atUs: number } | undefined;
  private readonly answered = new Set<() => void>();
  private readonly told = new Map<string, number>();
  private count = 0;

  constructor(private readonly options: ClockExchangeOptions) {}

  /** Runs until the connection has `ended`. */
  async run(ended: AbortSignal): Promise<void> {
    const { clock, mayAsk } = this.options;
    const off = clock.onNews(() => void this.tell());
    ended.addEventListener('abort', off);
    void this.tell();
    for (let waitMs = again.firstMs; mayAsk && !ended.aborted; waitMs = Math.min(waitMs * 2, again.maxMs)) {
      const isKnown = !clock.wantsTime || (await this.ask(ended));
      if (isKnown) waitMs = again.firstMs / 2;
      await clock.sleep(isKnown ? renewMs : waitMs, ended);
    }
  }

  /** Takes the message if it is an answer: its `id` says so. */
  take(id: string | undefined, payload: Uint8Array): boolean {
    if (!isTimeAnswerId(id)) return false;
    const { clock, logger } = this.options;
    const nowUs = clock.uptimeUs();
    const { asked } = this;
    if (asked?.id !== id) return true;
    this.asked = undefined;
    try {
      const { receivedUs, sentUs } = parseJson(payload, timeAnswerSchema, 'time');
      const roundTripUs = nowUs - asked!.atUs - (sentUs - receivedUs);
      if (sentUs < receivedUs || roundTripUs < 0 || roundTripUs > maxRoundTripUs) {
        logger.warn({ roundTripUs, receivedUs, sentUs }, 'clock: the gateway answered too late to tell the time');
      } else {
        const offsetUs = Math.round((receivedUs - asked!.atUs + (sentUs - nowUs)) / 2);
        if (clock.learn(offsetUs, Math.ceil(roundTripUs / 2))) for (const done of this.answered) done();
      }
    } catch (error) {
      logger.warn({ error: messageOf(error) }, 'clock: an answer that is none');
    }
    return true;
  }

  /** True if the gateway told the time. */
  private async ask(ended: AbortSignal): Promise<boolean> {
    const { clock, session, send } = this.options;
    const over = new AbortController();
    let known = false;
    const done = (): void => {
      known = true;
      over.abort();
    };
    this.answered.add(done);
    ended.addEventListener('abort', done);
    const id = timeAnswerId(session, (this.count += 1));
    this.asked = { id, atUs: clock.uptimeUs() };
    void send({ type: 'clock-query', id }).catch(() => undefined);
    await clock.sleep((maxRoundTripUs / 1000) * 1.5, over.signal);
    this.answered.delete(done);
    ended.removeEventListener('abort', done);
    this.asked = undefined;
    return known;
  }

  /** Each clock once on each connection: the gateway may be another one, with another log. */
  private async tell(): Promise<void> {
    const { clock, session, send } = this.options;
    const news = clock.knownClocks().filter(({ bootId, offsetUs }) => this.told.get(bootId) !== offsetUs);
    for (const known of news) this.told.set(known.bootId, known.offsetUs);
    await Promise.all(news.map((known) => send({ type: 'clock', session, ...known }))).catch(() => undefined);
  }
}
