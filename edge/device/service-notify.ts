import { execFile } from 'node:child_process';
import type { Clock } from '#core/runtime/clock.js';
import { messageOf } from '#core/runtime/errors.js';
import type { Part } from '#core/runtime/lifecycle.js';
import type { Logger } from '#core/runtime/logger.js';

/** What systemd told this process, by its environment. */
export interface ServiceEnvironment {
  /** Absent: nobody wants to be told. */
  readonly NOTIFY_SOCKET?: string | undefined;
  /** Microseconds without a sign of life after which the process is killed. */
  readonly WATCHDOG_USEC?: string | undefined;
  readonly PATH?: string | undefined;
}

export interface ServiceNotifyOptions {
  readonly environment: ServiceEnvironment;
  /** Asked for each sign of life: false while something is stuck. */
  readonly isAlive: () => boolean;
  /** One line for `systemctl status`. */
  readonly status: () => string;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly logger: Logger;
}

/** Without a watchdog the line of status is brought up to date so often. */
const statusEveryMs = 60_000;
const longestMs = 10_000;

/**
 * Tells systemd that the service is up, that it lives, what it does, and that it stops; nothing where systemd does not ask.
 * It speaks through the program `systemd-notify`, for Node has no datagram sockets of this kind: the unit needs
 * `NotifyAccess=all`. A loop of events that hangs sends nothing, and is killed.
 */
export class ServiceNotify implements Part {
  private stopping: AbortController | undefined;
  private said: string | undefined;

  constructor(private readonly options: ServiceNotifyOptions) {}

  /** The last part to start: everything before it is up. */
  async start(): Promise<void> {
    const { environment, status } = this.options;
    if (this.stopping || !environment.NOTIFY_SOCKET) return;
    this.stopping = new AbortController();
    await this.tell('READY=1', `STATUS=${(this.said = status())}`);
    void this.live(this.stopping.signal);
  }

  async stop(): Promise<void> {
    if (!this.stopping) return;
    this.stopping.abort();
    this.stopping = undefined;
    await this.tell('STOPPING=1');
  }

  private async live(signal: AbortSignal): Promise<void> {
    const { environment, isAlive, status, clock, logger } = this.options;
    const watchdogMs = Number(environment.WATCHDOG_USEC ?? 0) / 1000;
    const everyMs = watchdogMs > 0 ? watchdogMs / 3 : statusEveryMs;
    while (!signal.aborted) {
      await clock.sleep(everyMs, signal);
      if (signal.aborted) return;
      const line = status();
      const news = line === this.said ? [] : [`STATUS=${line}`];
      this.said = line;
      if (!isAlive()) logger.error('the outbox does not answer: the watchdog is told nothing');
      else if (watchdogMs > 0) news.push('WATCHDOG=1');
      if (news.length > 0) await this.tell(...news);
    }
  }

  private tell(...words: readonly string[]): Promise<void> {
    const { environment, logger } = this.options;
    return new Promise((resolve) => {
      const options = { env: { ...environment }, timeout: longestMs };
      execFile('systemd-notify', words, options, (error) => {
        if (error) logger.warn({ error: messageOf(error) }, 'systemd cannot be told how the agent is');
        resolve();
      });
    });
  }
}
