import { once } from 'node:events';
import type { Worker } from 'node:cluster';
import { RetryableError } from '#core/runtime/errors.js';
import type { FromWorker, Questions, ToWorker } from './messages.js';

/** How long a process may take for an answer: it may be about to die. */
const answerWithinMs = 5000;

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

/** One process at work, from its fork to its end. */
export class WorkerLink {
  /** Resolves with true when it is up, with false when it ended before. */
  readonly up: Promise<boolean>;
  /** Resolves with how it ended: an exit code, or the name of a signal. */
  readonly ended: Promise<number | string>;
  maxBodyBytes = 0;
  isUp = false;
  private lastId = 0;
  private readonly waiting = new Map<number, Waiting>();

  constructor(private readonly worker: Worker) {
    this.ended = once(worker, 'exit').then(([code, signal]) => this.close((signal ?? code) as number | string));
    const up = new Promise<boolean>((resolve) => {
      worker.on('message', (message: FromWorker) => {
        if (message.type === 'up') {
          this.isUp = true;
          this.maxBodyBytes = message.maxBodyBytes;
          resolve(true);
        } else this.take(message);
      });
    });
    this.up = Promise.race([up, this.ended.then(() => false)]);
    // A channel that broke says so here; what follows from it is the end of the process.
    worker.on('error', () => undefined);
  }

  get pid(): number | undefined {
    return this.worker.process.pid;
  }

  /** Throws RetryableError `unavailable` if it ends first or takes too long. */
  ask<What extends keyof Questions>(what: What, asks: Questions[What]['asks']): Promise<Questions[What]['answers']> {
    const id = (this.lastId += 1);
    return new Promise((resolve, reject) => {
      const late = setTimeout(
        () => this.waiting.get(id)?.reject(unavailable('a process did not answer')),
        answerWithinMs,
      );
      const settle = (): void => {
        clearTimeout(late);
        this.waiting.delete(id);
      };
      this.waiting.set(id, {
        resolve: (value) => (settle(), resolve(value)),
        reject: (error) => (settle(), reject(error)),
      });
      if (!this.say({ type: 'ask', id, what, with: asks })) this.waiting.get(id)!.reject(unavailable('it has ended'));
    });
  }

  /** Asks it to stop; at the deadline it is killed. Resolves when it is gone. */
  async stop(deadlineMs: number): Promise<void> {
    this.say({ type: 'stop' });
    const kill = setTimeout(() => this.worker.process.kill('SIGKILL'), deadlineMs);
    await this.ended;
    clearTimeout(kill);
  }

  private say(message: ToWorker): boolean {
    if (!this.worker.isConnected()) return false;
    this.worker.send(message, () => undefined);
    return true;
  }

  private take(message: Exclude<FromWorker, { type: 'up' }>): void {
    const waiting = this.waiting.get(message.id);
    if (message.type === 'answer') waiting?.resolve(message.value as never);
    else waiting?.reject(new Error(message.error));
  }

  private close(how: number | string): number | string {
    this.isUp = false;
    for (const { reject } of [...this.waiting.values()]) reject(unavailable('a process has ended'));
    return how;
  }
}

function unavailable(message: string): RetryableError {
  return new RetryableError('unavailable', message);
}
